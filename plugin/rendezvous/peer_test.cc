#include "plugin/rendezvous/peer.h"

#include <grp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/rendezvous/test_support.h"

namespace samehost::rendezvous {
namespace {

using testing::Child;

TEST(Peer, KernelVouchesForTheOtherEnd) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
  const UniqueFd a(pair[0]), b(pair[1]);
  const auto peer = ReadPeerIdentity(a.get());
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer->uid, geteuid());
  EXPECT_EQ(peer->gid, getegid());
  EXPECT_EQ(peer->pid, getpid());
  EXPECT_TRUE(Accepts({}, *peer, a.get()));
  EXPECT_FALSE(ReadPeerIdentity(-1).ok());
}

TEST(Peer, Policy) {
  AccessPolicy policy;
  EXPECT_TRUE(AcceptsUser(policy, 0));
  EXPECT_TRUE(AcceptsUser(policy, geteuid()));
  EXPECT_FALSE(AcceptsUser(policy, 4711));
  policy.users = {4711, OverflowUid()};
  EXPECT_TRUE(AcceptsUser(policy, 4711));
  EXPECT_FALSE(AcceptsUser(policy, OverflowUid()));
  EXPECT_FALSE(AcceptsUser(policy, static_cast<uid_t>(-1)));
}

// Connects as uid/gid/groups in a child; says whether `policy` accepts it.
bool AcceptsChild(uid_t uid, gid_t gid, const std::vector<gid_t>& groups,
                  const AccessPolicy& policy) {
  const std::string name = "samehost-peer-test-" + std::to_string(getpid());
  const UniqueFd listener = testing::Listen(testing::Abstract(name));
  Child child([&](Child::Talk& talk) {
    if (setgroups(groups.size(), groups.data()) != 0 || setresgid(gid, gid, gid) != 0 ||
        setresuid(uid, uid, uid) != 0) {
      return;
    }
    const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
    const Address address = testing::Abstract(name);
    if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage),
                address.length) != 0) {
      return;
    }
    talk.Say("connected");
    talk.Hear();
  });
  EXPECT_EQ(child.talk().Hear(), "connected");
  const UniqueFd socket(accept(listener.get(), nullptr, nullptr));
  const auto peer = ReadPeerIdentity(socket.get());
  EXPECT_TRUE(peer.ok());
  EXPECT_EQ(peer->uid, uid);
  return Accepts(policy, *peer, socket.get());
}

TEST(Peer, UsersAndGroups) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to act as another user";
  EXPECT_FALSE(AcceptsChild(4711, 4711, {}, {}));
  EXPECT_TRUE(AcceptsChild(4711, 4711, {}, {.users = {4711}, .groups = {}}));
  EXPECT_TRUE(AcceptsChild(4711, 4720, {}, {.users = {}, .groups = {4720}}));
  EXPECT_TRUE(AcceptsChild(4711, 4711, {4721, 4722}, {.users = {}, .groups = {4722}}));
  EXPECT_FALSE(AcceptsChild(4711, 4711, {4721, 4722}, {.users = {}, .groups = {4723}}));
}

TEST(Peer, ManyGroups) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to act as another user";
  std::vector<gid_t> many;
  for (gid_t gid = 10000; gid < 10500; ++gid) many.push_back(gid);
  EXPECT_TRUE(AcceptsChild(4711, 4711, many, {.users = {}, .groups = {10499}}));
}

TEST(Peer, OverflowUserMatchesNobody) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to act as another user";
  const uid_t uid = OverflowUid();
  EXPECT_FALSE(AcceptsChild(uid, 4711, {4711}, {.users = {uid}, .groups = {4711}}));
  EXPECT_FALSE(
      AcceptsChild(4711, OverflowGid(), {OverflowGid()}, {.users = {}, .groups = {OverflowGid()}}));
}

TEST(Peer, PidfdShowsTheEndOfTheProcess) {
  const std::string name = "samehost-pidfd-test-" + std::to_string(getpid());
  const UniqueFd listener = testing::Listen(testing::Abstract(name));
  Child child([&](Child::Talk& talk) {
    const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
    const Address address = testing::Abstract(name);
    (void)!connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage),
                   address.length);
    talk.Say("connected");
    talk.Hear();
  });
  child.talk().Hear();
  const UniqueFd socket(accept(listener.get(), nullptr, nullptr));
  const auto peer = ReadPeerIdentity(socket.get());
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer->pid, child.pid());
  const UniqueFd pidfd = OpenPeerPidfd(socket.get(), *peer);
  if (!pidfd.valid()) GTEST_SKIP() << "this kernel gives no pidfd";
  pollfd polled = {pidfd.get(), POLLIN, 0};
  EXPECT_EQ(poll(&polled, 1, 0), 0);
  child.Kill(SIGKILL);
  EXPECT_EQ(poll(&polled, 1, -1), 1);
}

}  // namespace
}  // namespace samehost::rendezvous
