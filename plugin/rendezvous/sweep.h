// Sweep: removes the entries that killed servers left behind, of whatever address. Most would stay
// for ever otherwise: those of ephemeral ports, which no later server or client asks for.
//
// Why this is safe beside a server that is just announcing: the name of an entry appears only once
// its socket listens, and is never used again (entry.h). So a name that refuses a connection is a
// dead server's. Only entries are touched, and only in folders that this process's user owns; the
// folder's other files (entries under construction, the sockets of shm:// names) are not.
//
// Plain functions, any thread. What cannot be removed is left to whoever comes next. Each call has
// a bound on the entries that it connects to, and begins at a random one, so that the calls of many
// reach all.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_SWEEP_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_SWEEP_H_

#include <cstddef>
#include <memory>
#include <string>

#include "plugin/rendezvous/directory.h"

namespace samehost::rendezvous {

// Entries connected to by one call. A refused connection takes some microseconds.
inline constexpr size_t kMaxSweptByServer = 512;
inline constexpr size_t kMaxSweptByClient = 64;
inline constexpr size_t kMaxSweptByCommand = 4096;
// A client leaves a folder alone that has no more names than this.
inline constexpr size_t kCrowdedNames = 64;

// For a server that is about to announce: all entries, at most once a second for each process.
void SweepAsServer(const std::shared_ptr<UserFolder>& folder);

// For a client that found more than kCrowdedNames names: only entries of processes that are not to
// be seen from here, so that no live server is disturbed; at most once a second for each process.
void SweepAsClient(const std::shared_ptr<UserFolder>& folder);

// For a command of the user: all entries of this user's folders, in every base directory
// (`configured`: Options::directory). Returns how many were removed.
size_t SweepOwnFolders(const std::string& configured);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_SWEEP_H_
