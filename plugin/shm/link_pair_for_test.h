// Two ends of one link in one process, for tests.
#ifndef SAMEHOST_PLUGIN_SHM_LINK_PAIR_FOR_TEST_H_
#define SAMEHOST_PLUGIN_SHM_LINK_PAIR_FOR_TEST_H_

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <memory>
#include <utility>

#include "plugin/shm/link.h"

namespace samehost::shm {

inline UniqueFd Duplicate(const UniqueFd& fd) {
  return fd.valid() ? UniqueFd(fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)) : UniqueFd();
}

// The same parts once more, but for the socket: what SCM_RIGHTS makes of them.
inline LinkParts Duplicate(const LinkParts& parts) {
  LinkParts copy;
  copy.segment = Duplicate(parts.segment);
  for (int i : {0, 1}) copy.doorbell[i] = Duplicate(parts.doorbell[i]);
  return copy;
}

inline std::pair<UniqueFd, UniqueFd> SocketPair(int type = SOCK_SEQPACKET) {
  int fds[2] = {-1, -1};
  EXPECT_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// Both ends of one pair of parts. `segment` is one more descriptor of the memory, to tamper with.
struct PartsPair {
  LinkParts connecting;
  LinkParts accepting;
  UniqueFd segment;
};

inline PartsPair MakePartsPair(const LinkOptions& options = {}, bool same_user = true,
                               int socket_type = SOCK_SEQPACKET) {
  auto made = Link::MakeParts(options, same_user);
  EXPECT_TRUE(made.ok()) << ToString(made.error());
  PartsPair pair;
  pair.connecting = *std::move(made);
  pair.accepting = Duplicate(pair.connecting);
  pair.segment = Duplicate(pair.connecting.segment);
  std::tie(pair.connecting.socket, pair.accepting.socket) = SocketPair(socket_type);
  return pair;
}

struct LinkPair {
  explicit LinkPair(const LinkOptions& options = {}, bool same_user = true,
                    int socket_type = SOCK_SEQPACKET) {
    PartsPair parts = MakePartsPair(options, same_user, socket_type);
    segment = std::move(parts.segment);
    auto a = Link::Create(Link::Side::kConnecting, std::move(parts.connecting), options);
    auto b = Link::Create(Link::Side::kAccepting, std::move(parts.accepting), options);
    EXPECT_TRUE(a.ok()) << ToString(a.error());
    EXPECT_TRUE(b.ok()) << ToString(b.error());
    connecting = *std::move(a);
    accepting = *std::move(b);
  }
  std::unique_ptr<Link> connecting;
  std::unique_ptr<Link> accepting;
  UniqueFd segment;
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_LINK_PAIR_FOR_TEST_H_
