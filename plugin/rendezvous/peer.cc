#include "plugin/rendezvous/peer.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "plugin/base/unique_fd.h"

namespace samehost::rendezvous {
namespace {

// From <asm-generic/socket.h> of Linux 6.5.
constexpr int kSoPeerPidfd = 77;

// The id that stands for "not mapped into this user namespace".
uint32_t ReadOverflowId(const char* path) {
  constexpr uint32_t kUsual = 65534;
  UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC));
  char text[16] = {};
  if (!fd.valid() || read(fd.get(), text, sizeof(text) - 1) <= 0) return kUsual;
  return static_cast<uint32_t>(strtoul(text, nullptr, 10));
}

bool Contains(const std::vector<gid_t>& groups, gid_t group) {
  return std::find(groups.begin(), groups.end(), group) != groups.end();
}

// Supplementary groups of the peer; empty where the kernel does not say.
std::vector<gid_t> PeerGroups(int socket) {
  std::vector<gid_t> groups(32);
  for (int attempt = 0; attempt < 2; ++attempt) {
    auto bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) == 0) {
      groups.resize(bytes / sizeof(gid_t));
      return groups;
    }
    if (errno != ERANGE || bytes > 65536 * sizeof(gid_t)) break;
    groups.resize(bytes / sizeof(gid_t));
  }
  return {};
}

}  // namespace

bool TrustsWithMemory(const PeerIdentity& peer) {
  if (peer.uid != geteuid() || peer.uid == OverflowUid() || peer.pid <= 0) return false;
  if (prctl(PR_GET_DUMPABLE) != 1) return false;  // the kernel keeps this user's processes out
  for (const char* kind : {"user", "pid"}) {
    struct stat own, others;
    const std::string link = std::string("/ns/") + kind;
    if (stat(("/proc/self" + link).c_str(), &own) != 0 ||
        stat(("/proc/" + std::to_string(peer.pid) + link).c_str(), &others) != 0 ||
        own.st_dev != others.st_dev || own.st_ino != others.st_ino) {
      return false;
    }
  }
  return true;
}

uid_t OverflowUid() {
  static const uid_t uid = ReadOverflowId("/proc/sys/kernel/overflowuid");
  return uid;
}

gid_t OverflowGid() {
  static const gid_t gid = ReadOverflowId("/proc/sys/kernel/overflowgid");
  return gid;
}

Result<PeerIdentity> ReadPeerIdentity(int socket) {
  ucred credentials = {};
  socklen_t bytes = sizeof(credentials);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) != 0) {
    return SystemError("getsockopt SO_PEERCRED");
  }
  return PeerIdentity{credentials.uid, credentials.gid, std::max(credentials.pid, 0)};
}

bool AcceptsUser(const AccessPolicy& policy, uid_t uid) {
  if (uid == OverflowUid() || uid == static_cast<uid_t>(-1)) return false;
  if (uid == 0 || uid == geteuid()) return true;
  return std::find(policy.users.begin(), policy.users.end(), uid) != policy.users.end();
}

bool Accepts(const AccessPolicy& policy, const PeerIdentity& peer, int socket) {
  if (AcceptsUser(policy, peer.uid)) return true;
  // The overflow user is nobody in particular: a group does not make it somebody.
  if (policy.groups.empty() || peer.uid == OverflowUid()) return false;
  if (peer.gid != OverflowGid() && Contains(policy.groups, peer.gid)) return true;
  for (gid_t group : PeerGroups(socket)) {
    if (group != OverflowGid() && Contains(policy.groups, group)) return true;
  }
  return false;
}

UniqueFd OpenPeerPidfd(int socket, const PeerIdentity& peer) {
  int pidfd = -1;
  socklen_t bytes = sizeof(pidfd);
  if (getsockopt(socket, SOL_SOCKET, kSoPeerPidfd, &pidfd, &bytes) == 0) return UniqueFd(pidfd);
  // Linux before 6.5. The pid could have been given to another process since the socket was made,
  // so it counts only while the peer's end of the socket is open.
  if (errno != ENOPROTOOPT || peer.pid <= 0) return UniqueFd();
  UniqueFd opened(static_cast<int>(syscall(SYS_pidfd_open, peer.pid, 0)));
  pollfd poller = {socket, POLLRDHUP, 0};
  if (poll(&poller, 1, 0) != 0 && (poller.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0)
    return UniqueFd();
  return opened;
}

}  // namespace samehost::rendezvous
