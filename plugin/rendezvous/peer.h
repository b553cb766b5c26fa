// PeerIdentity: who is at the other end, as the kernel vouches for it (SO_PEERCRED), and the
// policy that says who is welcome.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_PEER_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_PEER_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/base/unique_fd.h"

namespace samehost::rendezvous {

struct PeerIdentity {
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  pid_t pid = 0;  // 0: not visible in this PID namespace
};

// Whom this side accepts. Own user and root always (unless the uid is the overflow user, which
// matches nobody); `users` and `groups` (numeric, the peer's primary or supplementary group as
// SO_PEERGROUPS gives it) widen it.
struct AccessPolicy {
  std::vector<uid_t> users;
  std::vector<gid_t> groups;
};

// Reads SO_PEERCRED of a connected unix socket.
Result<PeerIdentity> ReadPeerIdentity(int socket);
bool Accepts(const AccessPolicy& policy, const PeerIdentity& peer, int socket);
// The part of Accepts that needs no socket: this user, root and `users`.
bool AcceptsUser(const AccessPolicy& policy, uid_t uid);
// Whether the peer could read this process's memory anyway: the same user in the same user and PID
// namespaces, and this process may look at it. False when in doubt.
bool TrustsWithMemory(const PeerIdentity& peer);
// The id that stands for every user (group) without a name in this user namespace, usually 65534.
uid_t OverflowUid();
gid_t OverflowGid();
// A pidfd of the process at the other end; invalid where the kernel has none to give, or when that
// process has been reaped.
UniqueFd OpenPeerPidfd(int socket, const PeerIdentity& peer);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_PEER_H_
