// Entry: one rendezvous socket in a user folder. Its name is the endpoint's prefix and a unique
// part that is never used again, and the name appears only once the socket listens. So whoever
// finds a name that refuses connections knows that its server is dead, and can remove it without
// any race.
//
// Owner: the announcement (server), a local variable (client). Plain functions, any thread.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_ENTRY_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_ENTRY_H_

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/base/unique_fd.h"
#include "plugin/rendezvous/directory.h"

namespace samehost::rendezvous {

struct Entry {
  std::shared_ptr<UserFolder> folder;
  std::string name;
  UniqueFd listener;  // SOCK_SEQPACKET, listening, non-blocking
};

// Makes a new entry. Also removes what dead servers left behind: entries under this prefix, entries
// that were never finished, and now and then the others (sweep.h).
Result<Entry> MakeEntry(std::shared_ptr<UserFolder> folder, const std::string& prefix);

// Removes the name; false when it was gone already. Call before the listener is closed, so that the
// name never refuses a connection.
bool RemoveEntry(const UserFolder& folder, const std::string& name);

struct EntryName {
  std::string name;
  pid_t pid = 0;  // of the process that made it, in that process's pid namespace
};
// The names in a folder that are those of entries; of no other file.
std::vector<EntryName> ListEntryNames(const UserFolder& folder);

// Whether nobody listens on this entry: its server is dead. Does not wait.
bool RefusesConnections(const UserFolder& folder, const std::string& name);

// Connects to an entry, waiting at most `timeout` for a full backlog. The socket is blocking.
// Errors: kNotFound (the name has gone), kClosed (nobody listens: stale), kTimeout, kSystem.
Result<UniqueFd> ConnectEntry(const Candidate& candidate, std::chrono::milliseconds timeout);

// For an entry that is known to be stale: removes it if it is this user's (or anybody's, for root).
void RemoveStale(const Candidate& candidate);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_ENTRY_H_
