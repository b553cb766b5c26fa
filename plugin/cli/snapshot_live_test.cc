// What a snapshot finds of a real link, whose two ends this process holds.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "plugin/base/unique_fd.h"
#include "plugin/cli/snapshot.h"
#include "plugin/shm/link.h"

namespace samehost::cli {
namespace {

using shm::Link;

class SnapshotLiveTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const shm::LinkOptions options;
    auto parts = Link::MakeParts(options, /*share_eventfds=*/true);
    ASSERT_TRUE(parts.ok());
    shm::LinkParts other;
    other.segment = UniqueFd(dup(parts->segment.get()));
    for (int i : {0, 1}) other.doorbell[i] = UniqueFd(dup(parts->doorbell[i].get()));
    int sockets[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets), 0);
    parts->socket = UniqueFd(sockets[0]);
    other.socket = UniqueFd(sockets[1]);
    auto one = Link::Create(Link::Side::kConnecting, *std::move(parts), options);
    auto two = Link::Create(Link::Side::kAccepting, std::move(other), options);
    ASSERT_TRUE(one.ok() && two.ok());
    client_ = *std::move(one);
    server_ = *std::move(two);
    client_->Describe({.protocol = "grpc", .name = name_});
  }
  // This test's link, if the snapshot has it.
  std::optional<ObservedLink> Find() const {
    for (ObservedLink& link : TakeSnapshot().links) {
      if (link.client().address == name_) return link;
    }
    return std::nullopt;
  }

  const std::string name_ = "snapshot-live-test-" + std::to_string(getpid());
  std::unique_ptr<Link> client_;
  std::unique_ptr<Link> server_;
};

TEST_F(SnapshotLiveTest, Counters) {
  for (int i = 0; i < 3; ++i) {
    std::byte* place = client_->Reserve(100);
    ASSERT_NE(place, nullptr);
    client_->Commit(100);
    client_->CountMessageSent();
  }
  client_->Publish();
  const auto link = Find();
  ASSERT_TRUE(link.has_value());
  EXPECT_EQ(link->client().pid, getpid());
  EXPECT_EQ(link->server().pid, getpid());
  EXPECT_EQ(link->client().counters.messages_sent, 3u);
  EXPECT_EQ(link->client().counters.bytes_sent, 300u);
  EXPECT_EQ(link->client().ring_used, 3 * shm::RecordBytes(100));
  EXPECT_EQ(link->client().counters.records_sent, client_->counters().records_sent);
}

// The program has closed the descriptors; the memory is still mapped.
TEST_F(SnapshotLiveTest, WithoutDescriptors) {
  ASSERT_TRUE(Find().has_value());
  int closed = 0;
  bool readable = false;
  for (const Descriptor& descriptor : ListDescriptors(getpid(), &readable)) {
    if (MemfdName(descriptor.target) != "samehost-link") continue;
    close(descriptor.number);
    ++closed;
  }
  ASSERT_EQ(closed, 2);
  const auto link = Find();
  ASSERT_TRUE(link.has_value());
  EXPECT_EQ(link->client().pid, getpid());
}

// After an upgrade, programs that were started before it are still there.
TEST_F(SnapshotLiveTest, OfAnotherVersion) {
  const size_t before = TakeSnapshot().other_version_links;
  bool readable = false;
  for (const Descriptor& descriptor : ListDescriptors(getpid(), &readable)) {
    if (MemfdName(descriptor.target) != "samehost-link") continue;
    const uint32_t version = shm::kLayoutVersion + 1;
    ASSERT_EQ(
        pwrite(descriptor.number, &version, sizeof(version), offsetof(shm::SegmentHeader, version)),
        static_cast<ssize_t>(sizeof(version)));
  }
  EXPECT_FALSE(Find().has_value());
  EXPECT_EQ(TakeSnapshot().other_version_links, before + 1);
}

TEST_F(SnapshotLiveTest, GoesWithItsProcesses) {
  ASSERT_TRUE(Find().has_value());
  client_.reset();
  server_.reset();
  EXPECT_FALSE(Find().has_value());
}

// A process may hold anything under the name of a link's memory; to open a device can set something
// off. Here a FIFO, outside of every tree of mounts, so that it is called as a memfd is.
TEST(SnapshotOfStrangersTest, WhatIsNoMemoryIsNotOpened) {
  const UniqueFd context(fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (!context.valid()) GTEST_SKIP() << "this process may not make a tmpfs";
  ASSERT_EQ(fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0), 0);
  const UniqueFd root(fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  ASSERT_TRUE(root.valid());
  for (const char* name : {"memfd:samehost-link", "memfd:samehost-decisions"}) {
    ASSERT_EQ(mkfifoat(root.get(), name, 0600), 0);
    const UniqueFd held(openat(root.get(), name, O_PATH | O_CLOEXEC));
    ASSERT_TRUE(held.valid());
    const std::string path = "/proc/self/fd/" + std::to_string(held.get());
    ASSERT_EQ(std::filesystem::read_symlink(path).string(), std::string("/") + name);
    const UniqueFd notices(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    ASSERT_GE(inotify_add_watch(notices.get(), path.c_str(), IN_OPEN), 0);
    (void)TakeSnapshot();
    char notice[256];
    EXPECT_EQ(read(notices.get(), notice, sizeof(notice)), -1) << name << " was opened";
  }
}

}  // namespace
}  // namespace samehost::cli
