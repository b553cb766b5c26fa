// What programs do before they are ready to work, and what they do to themselves: for the options
// of stock_echo and stock_zmq. No header of samehost's.
//
//   --close-all          closes every descriptor but the standard ones
//   --daemon             becomes a daemon: forks twice, a session of its own
//   --workers COUNT      forks so many workers, which go on; waits for their ends
//   --user UID           gives up all rights for this user's
//   --root FOLDER        changes its root to FOLDER
#ifndef SAMEHOST_PLUGIN_CLI_TESTING_ODD_START_H_
#define SAMEHOST_PLUGIN_CLI_TESTING_ODD_START_H_

#include <string>
#include <vector>

// Does what the options at the front of `words` say and takes them off.
void StartOddly(std::vector<std::string>* words);

// Closes every descriptor but the standard ones.
void CloseAll();

// Forks a child that closes every descriptor, opens `count` files of its own in `folder`, and then
// exits as a program does, with all destructors. Answers whether every file still holds what the
// child wrote.
bool ChildWithFilesOfItsOwn(const std::string& folder, int count);

#endif  // SAMEHOST_PLUGIN_CLI_TESTING_ODD_START_H_
