// What a snapshot finds of a real link, whose two ends this process holds.
#include <gtest/gtest.h>
#include <sys/socket.h>
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
    auto parts = Link::MakeParts(options, /*same_user=*/true);
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

}  // namespace
}  // namespace samehost::cli
