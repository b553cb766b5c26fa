// The arena: messages that are written where the peer reads them, and a peer that lies about them.
#include "plugin/shm/arena.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "plugin/base/memory_headroom.h"
#include "plugin/shm/frame.h"
#include "plugin/shm/link_pair_for_test.h"
#include "plugin/shm/segment.h"

namespace samehost::shm {
namespace {

constexpr size_t kMessage = 100'000;

class ArenaTest : public testing::Test {
 protected:
  Link& sender() { return *pair_.connecting; }
  Link& receiver() { return *pair_.accepting; }
  Arena& arena() { return *sender().arena(); }
  DirectionControl& words() { return words_.control(0); }

  Arena::Block Allocate(size_t bytes = kMessage) {
    const std::optional<Arena::Block> block = arena().Allocate(bytes);
    EXPECT_TRUE(block.has_value());
    return block.value_or(Arena::Block{});
  }
  // The receiver takes in what has come over the socket.
  void Receive() {
    const Status status = receiver().OnSocketReadable();
    EXPECT_TRUE(status.ok()) << ToString(status.error());
  }
  // A block that the peer has mapped, with `text` in it.
  Arena::Block Written(const std::string& text) {
    const Arena::Block block = Allocate();
    Receive();
    std::memcpy(block.data, text.data(), text.size());
    return block;
  }
  static BlockReference At(const Arena::Block& block, size_t offset, size_t length) {
    return {block.number, static_cast<uint32_t>(offset), static_cast<uint32_t>(length), 0};
  }
  static std::string Text(const Borrowed& borrowed) {
    return {reinterpret_cast<const char*>(borrowed.bytes.data()), borrowed.bytes.size()};
  }

  LinkPair pair_{{}, true, SOCK_SEQPACKET, /*trusts_peer=*/true};
  Tamper words_{pair_.segment.get()};
};

TEST_F(ArenaTest, WhatIsWrittenIsReadInPlace) {
  const Arena::Block block = Written("a large message");
  EXPECT_GE(block.size, kMessage);
  ASSERT_TRUE(sender().LendBlock(At(block, 2, 5)));
  const Borrowed borrowed = receiver().Borrow(At(block, 2, 5));
  ASSERT_TRUE(borrowed.lease.valid());
  EXPECT_EQ(Text(borrowed), "large");
  block.data[2] = std::byte{'b'};  // one memory
  EXPECT_EQ(Text(borrowed), "barge");
  EXPECT_EQ(sender().counters().bytes_sent, 5u);
  EXPECT_EQ(receiver().counters().bytes_received, 5u);
  EXPECT_EQ(receiver().memory_bytes(), sender().memory_bytes());
}

TEST_F(ArenaTest, NotLentBeforeThePeerHasMappedIt) {
  const Arena::Block block = Allocate();
  EXPECT_FALSE(sender().LendBlock(At(block, 0, 1)));
  EXPECT_FALSE(receiver().Borrow(At(block, 0, 1)).lease.valid());
  Receive();
  EXPECT_TRUE(sender().LendBlock(At(block, 0, 1)));
}

TEST_F(ArenaTest, UsedAgainWhenBothHaveDoneWithIt) {
  const Arena::Block block = Written("x");
  ASSERT_TRUE(sender().LendBlock(At(block, 0, 10)));
  ASSERT_TRUE(sender().LendBlock(At(block, 10, 10)));
  Borrowed first = receiver().Borrow(At(block, 0, 10));
  Borrowed second = receiver().Borrow(At(block, 10, 10));
  second.lease.Reset();
  const Arena::Block other = Allocate();
  EXPECT_NE(other.number, block.number) << "has a local owner";
  arena().Free(block.number);
  const Arena::Block third = Allocate();
  EXPECT_NE(third.number, block.number) << "the peer has the first part";
  first.lease.Reset();
  EXPECT_EQ(Allocate().number, block.number);
}

TEST_F(ArenaTest, SentBackItBelongsToItsOwnerAgain) {
  const Arena::Block block = Written("a large message");
  ASSERT_TRUE(sender().LendBlock(At(block, 2, 5)));
  arena().Free(block.number);
  Borrowed borrowed = receiver().Borrow(At(block, 2, 5));
  const auto sent = receiver().SendBack(&borrowed.lease, borrowed.bytes);
  ASSERT_TRUE(sent.has_value());
  EXPECT_FALSE(borrowed.lease.valid());
  EXPECT_NE(Allocate().number, block.number) << "it is under way";
  const std::span<std::byte> back = sender().TakeBack(*sent);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(back.data()), back.size()), "large");
  EXPECT_EQ(back.data(), block.data + 2);
  EXPECT_NE(Allocate().number, block.number) << "it has a local owner";
  arena().Free(block.number);
  EXPECT_EQ(Allocate().number, block.number);
  EXPECT_EQ(receiver().counters().bytes_sent, 5u);
  EXPECT_EQ(sender().counters().bytes_received, 5u);
}

TEST_F(ArenaTest, SentBackBeforeTheSenderHasDoneWithIt) {
  const Arena::Block block = Written("x");
  ASSERT_TRUE(sender().LendBlock(At(block, 0, 5)));
  Borrowed borrowed = receiver().Borrow(At(block, 0, 5));
  const auto sent = receiver().SendBack(&borrowed.lease, borrowed.bytes);
  ASSERT_TRUE(sent.has_value());
  EXPECT_FALSE(sender().TakeBack(*sent).empty());
  arena().Free(block.number);
  EXPECT_NE(Allocate().number, block.number) << "the other owner has it";
  arena().Free(block.number);
  EXPECT_EQ(Allocate().number, block.number);
}

TEST_F(ArenaTest, OnlyWhatIsThePeersIsSentBack) {
  const Arena::Block block = Written("x");
  ASSERT_TRUE(sender().LendBlock(At(block, 0, 5)));
  Borrowed borrowed = receiver().Borrow(At(block, 0, 5));
  const std::vector<std::byte> elsewhere(5);
  EXPECT_FALSE(receiver().SendBack(&borrowed.lease, elsewhere).has_value());
  LinkPair strangers{{}, true, SOCK_SEQPACKET, /*trusts_peer=*/true};
  EXPECT_FALSE(strangers.accepting->SendBack(&borrowed.lease, borrowed.bytes).has_value());
  EXPECT_TRUE(borrowed.lease.valid());
}

TEST_F(ArenaTest, AnotherSizeGetsAnotherBlock) {
  const Arena::Block block = Written("x");
  arena().Free(block.number);
  EXPECT_NE(Allocate(10 * kMessage).number, block.number) << "too small";
  EXPECT_NE(Allocate(kMessage / 4).number, block.number) << "wasteful";
  EXPECT_EQ(Allocate(kMessage - 1).number, block.number);
}

TEST_F(ArenaTest, BoundedInBytesAndNumber) {
  const size_t limit = size_t{LinkOptions{}.max_ring_bytes} * 32;
  EXPECT_FALSE(arena().Allocate(limit + 1).has_value());
  EXPECT_FALSE(arena().Allocate(0).has_value());
  Allocate(limit / 2);
  Receive();
  Allocate(limit / 2);
  Receive();
  EXPECT_FALSE(arena().Allocate(1).has_value());
  EXPECT_EQ(arena().memory_bytes(), limit);
}

TEST_F(ArenaTest, NoMoreBlocksThanNumbers) {
  for (uint32_t i = 0; i < kMaxBlocks; ++i) {
    Allocate(PageBytes());
    Receive();
  }
  EXPECT_FALSE(arena().Allocate(PageBytes()).has_value());
}

TEST_F(ArenaTest, TrimGivesBackWhatIsNotInUse) {
  const Arena::Block kept = Written("kept");
  ASSERT_TRUE(sender().LendBlock(At(kept, 0, 4)));
  arena().Free(kept.number);
  Borrowed borrowed = receiver().Borrow(At(kept, 0, 4));
  const Arena::Block idle = Written("x");
  const int before = SamehostMappings();
  arena().Free(idle.number);
  EXPECT_FALSE(sender().TrimIdle());
  Receive();
  EXPECT_EQ(SamehostMappings(), before - 2);  // here and at the peer
  EXPECT_EQ(Text(borrowed), "kept");
  borrowed.lease.Reset();
  EXPECT_TRUE(sender().TrimIdle());
  Receive();
  EXPECT_EQ(arena().memory_bytes(), 0u);
  // The numbers are good for other blocks.
  const Arena::Block again = Written("again");
  ASSERT_TRUE(sender().LendBlock(At(again, 0, 5)));
  EXPECT_EQ(Text(receiver().Borrow(At(again, 0, 5))), "again");
}

TEST_F(ArenaTest, BorrowedOutlivesBothLinks) {
  const Arena::Block block = Written("still here");
  ASSERT_TRUE(sender().LendBlock(At(block, 0, 10)));
  Borrowed borrowed = receiver().Borrow(At(block, 0, 10));
  const std::shared_ptr<Arena> arena = sender().arena();
  pair_.connecting.reset();
  pair_.accepting.reset();
  EXPECT_EQ(Text(borrowed), "still here");
  borrowed.lease.Reset();
  EXPECT_FALSE(arena->Allocate(1).has_value());
  EXPECT_FALSE(arena->Lend(block.number));
  arena->Free(block.number);
}

TEST_F(ArenaTest, WakesThePeerAheadOfTheMessage) {
  ASSERT_TRUE(receiver().ArmDoorbell());
  EXPECT_EQ(receiver().AnnouncedInput(), 0u);
  const Arena::Block block = Allocate();
  pollfd bell = {receiver().doorbell_fd(), POLLIN, 0};
  EXPECT_EQ(poll(&bell, 1, 0), 1);
  const uint32_t announced = receiver().AnnouncedInput();
  EXPECT_NE(announced, 0u);
  arena().Free(block.number);
  Allocate();
  EXPECT_NE(receiver().AnnouncedInput(), announced);
  Send(sender(), "it");
  EXPECT_EQ(receiver().AnnouncedInput(), 0u);
}

TEST_F(ArenaTest, ForkedChildTouchesNothing) {
  const Arena::Block block = Written("x");
  ASSERT_TRUE(sender().LendBlock(At(block, 0, 1)));
  Borrowed borrowed = receiver().Borrow(At(block, 0, 1));
  const uint32_t returned = words().blocks_returned[block.number];
  const pid_t child = fork();
  if (child == 0) {
    borrowed.lease.Reset();
    arena().Free(block.number);
    const bool good = !arena().Allocate(1).has_value() && !arena().Lend(block.number) &&
                      !receiver().Borrow(At(block, 0, 1)).lease.valid();
    _exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(words().blocks_returned[block.number], returned);
  EXPECT_EQ(Text(borrowed), "x");
}

TEST_F(ArenaTest, NoneWithoutMemory) {
  SetMemoryHeadroomForTesting(1 << 20);
  EXPECT_FALSE(arena().Allocate(kMessage).has_value());
  SetMemoryHeadroomForTesting(UINT64_MAX);
  EXPECT_FALSE(arena().Allocate(kMessage).has_value()) << "not asked again at once";
}

TEST(ArenaRuleTest, NoneForPeersThatAreNotTrusted) {
  LinkPair pair;
  EXPECT_EQ(pair.connecting->arena(), nullptr);
}

TEST(ArenaRuleTest, NoneForRingsThatDoNotGrow) {
  LinkOptions options;
  options.max_ring_bytes = options.initial_ring_bytes;
  LinkPair pair(options, true, SOCK_SEQPACKET, true);
  EXPECT_EQ(pair.connecting->arena(), nullptr);
}

TEST(ArenaRuleTest, AnotherUserTakesNone) {
  LinkPair pair({}, /*share_eventfds=*/false, SOCK_SEQPACKET, true);
  EXPECT_FALSE(pair.connecting->arena()->Allocate(kMessage).has_value());
}

// ---- A peer that lies --------------------------------------------------------------------------

class ArenaHostileTest : public ArenaTest {
 protected:
  void SetUp() override {
    PartsPair parts = MakePartsPair();
    liar_ = Duplicate(parts.connecting.socket);
    auto link = Link::Create(Link::Side::kAccepting, std::move(parts.accepting), {});
    ASSERT_TRUE(link.ok());
    victim_ = *std::move(link);
  }
  void Offer(uint32_t number, uint64_t bytes, int fd) {
    ASSERT_TRUE(SendFrame(liar_.get(), Frame{FrameType::kBlock, number, bytes}, fd));
  }
  void ExpectBroken() {
    const Status status = victim_->OnSocketReadable();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kProtocol) << ToString(status.error());
  }
  UniqueFd Honest(uint64_t bytes) { return std::move(MakeBlockMemory(bytes)->fd); }

  UniqueFd liar_;
  std::unique_ptr<Link> victim_;
};

TEST_F(ArenaHostileTest, ReferencesOutOfRange) {
  Offer(3, PageBytes(), Honest(PageBytes()).get());
  ASSERT_TRUE(victim_->OnSocketReadable().ok());
  const auto page = static_cast<uint32_t>(PageBytes());
  EXPECT_TRUE(victim_->Borrow({3, 0, page, 0}).lease.valid());
  for (const BlockReference& wrong : std::vector<BlockReference>{{3, 1, page, 0},
                                                                 {3, page, 1, 0},
                                                                 {3, ~0u, 2, 0},
                                                                 {3, 2, ~0u, 0},
                                                                 {3, 0, 0, 0},
                                                                 {2, 0, 1, 0},
                                                                 {kMaxBlocks, 0, 1, 0},
                                                                 {~0u, 0, 1, 0}}) {
    EXPECT_FALSE(victim_->Borrow(wrong).lease.valid()) << wrong.block << " " << wrong.offset;
  }
}
TEST_F(ArenaHostileTest, NumberOutOfRange) {
  Offer(kMaxBlocks, PageBytes(), Honest(PageBytes()).get());
  ExpectBroken();
}
TEST_F(ArenaHostileTest, TwoOfOneNumber) {
  Offer(0, PageBytes(), Honest(PageBytes()).get());
  Offer(0, PageBytes(), Honest(PageBytes()).get());
  ExpectBroken();
}
TEST_F(ArenaHostileTest, SizeNotOfTheMemory) {
  Offer(0, 2 * PageBytes(), Honest(PageBytes()).get());
  ExpectBroken();
}
TEST_F(ArenaHostileTest, SizeNoWholePage) {
  Offer(0, PageBytes() + 8, Honest(PageBytes()).get());
  ExpectBroken();
}
TEST_F(ArenaHostileTest, MoreThanIsTaken) {
  Offer(0, uint64_t{1} << 40, Honest(PageBytes()).get());
  ExpectBroken();
}
TEST_F(ArenaHostileTest, WithoutMemory) {
  Offer(0, PageBytes(), -1);
  ExpectBroken();
}
TEST_F(ArenaHostileTest, MemoryThatCouldShrink) {
  UniqueFd fd(memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(ftruncate(fd.get(), static_cast<off_t>(PageBytes())), 0);
  Offer(0, PageBytes(), fd.get());
  ExpectBroken();
}
TEST_F(ArenaHostileTest, MemoryThatThisSideCouldWrite) {
  Offer(0, PageBytes(), MakeSealedMemory("x", PageBytes())->get());
  ExpectBroken();
}
TEST_F(ArenaHostileTest, DropOfNothing) {
  ASSERT_TRUE(SendFrame(liar_.get(), Frame{FrameType::kDropBlock, 7, 0}));
  ExpectBroken();
}
TEST_F(ArenaHostileTest, DropWhileBorrowed) {
  Offer(0, PageBytes(), Honest(PageBytes()).get());
  ASSERT_TRUE(victim_->OnSocketReadable().ok());
  const Borrowed borrowed = victim_->Borrow({0, 0, 8, 0});
  ASSERT_TRUE(SendFrame(liar_.get(), Frame{FrameType::kDropBlock, 0, 0}));
  ASSERT_TRUE(victim_->OnSocketReadable().ok());
  EXPECT_EQ(Text(borrowed), std::string(8, '\0'));
  EXPECT_FALSE(victim_->Borrow({0, 0, 8, 0}).lease.valid());
}
TEST_F(ArenaHostileTest, SendsBackWhatItDoesNotHave) {
  EXPECT_TRUE(sender().TakeBack({0, 0, 10, 0}).empty()) << "no such block";
  EXPECT_TRUE(sender().TakeBack({UINT32_MAX, 0, 10, 0}).empty());
  const Arena::Block block = Allocate();
  EXPECT_TRUE(sender().TakeBack(At(block, 0, 10)).empty()) << "not even mapped";
  Receive();
  EXPECT_TRUE(sender().TakeBack(At(block, 0, 10)).empty()) << "not lent";
  ASSERT_TRUE(sender().LendBlock(At(block, 0, 10)));
  EXPECT_TRUE(sender().TakeBack(At(block, 0, 0)).empty());
  ASSERT_TRUE(sender().LendBlock(At(block, 0, 10)));
  EXPECT_TRUE(sender().TakeBack(At(block, block.size, 1)).empty());
  ASSERT_TRUE(sender().LendBlock(At(block, 0, 10)));
  EXPECT_FALSE(sender().TakeBack(At(block, 0, 10)).empty());
  arena().Free(block.number);
  // Given back and sent back: it counts wrongly, and gets no more of this block.
  words().blocks_returned[block.number].fetch_add(100);
  EXPECT_TRUE(sender().TakeBack(At(block, 0, 10)).empty());
}

// Who gives back what it never had gets no more of it.
TEST_F(ArenaHostileTest, WrongReturns) {
  const Arena::Block block = Written("x");
  words().blocks_returned[block.number] += 5;
  EXPECT_FALSE(sender().LendBlock(At(block, 0, 1)));
  arena().Free(block.number);
  EXPECT_NE(Allocate().number, block.number);
}
TEST_F(ArenaHostileTest, AbsurdLimitOfThePeer) {
  words().max_arena_bytes = ~0u;
  EXPECT_FALSE(arena().Allocate(size_t{1} << 31).has_value());
  words().max_arena_bytes = 0;
  EXPECT_FALSE(arena().Allocate(kMessage).has_value());
}

}  // namespace
}  // namespace samehost::shm
