// Entry: one rendezvous socket in a user folder. Its name is the endpoint's prefix and a unique
// part that is never used again, and the name appears only once the socket listens. So whoever
// finds a name that refuses connections knows that its server is dead, and can remove it without
// any race.
//
// Owner: the announcement (server), a local variable (client). Plain functions, any thread.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_ENTRY_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_ENTRY_H_

#include <chrono>
#include <memory>
#include <string>

#include "plugin/base/result.h"
#include "plugin/base/unique_fd.h"
#include "plugin/rendezvous/directory.h"

namespace samehost::rendezvous {

struct Entry {
  std::shared_ptr<UserFolder> folder;
  std::string name;
  UniqueFd listener;  // SOCK_SEQPACKET, listening, non-blocking
};

// Makes a new entry. Also sweeps out what dead servers left behind under this prefix.
Result<Entry> MakeEntry(std::shared_ptr<UserFolder> folder, const std::string& prefix);

// Removes the name. Call before the listener is closed, so that the name never refuses a
// connection.
void RemoveEntry(const UserFolder& folder, const std::string& name);

// Connects to an entry, waiting at most `timeout` for a full backlog. The socket is blocking.
// Errors: kNotFound (the name has gone), kClosed (nobody listens: stale), kTimeout, kSystem.
Result<UniqueFd> ConnectEntry(const Candidate& candidate, std::chrono::milliseconds timeout);

// For an entry that is known to be stale: removes it if it is this user's (or anybody's, for root).
void RemoveStale(const Candidate& candidate);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_ENTRY_H_
