// A peer that does not use this code: it writes what it likes into the shared memory and onto the
// socket. Nothing may crash, block, or be read outside the mapping; the link ends with a reason.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <atomic>
#include <cstring>
#include <random>
#include <string>
#include <thread>

#include "plugin/shm/frame.h"
#include "plugin/shm/link_pair_for_test.h"
#include "plugin/shm/link_traffic_for_test.h"
#include "plugin/shm/segment.h"

namespace samehost::shm {
namespace {

// ---- What the ring may hold ------------------------------------------------------------------

class LinkHostileRingTest : public testing::Test {
 protected:
  DirectionControl& in() { return words_.control(0); }  // what the victim consumes
  std::byte* data() { return words_.data(0); }
  Link& victim() { return *pair_.accepting; }
  Link& honest() { return *pair_.connecting; }
  void PutHeader(uint64_t at, uint32_t length, uint32_t kind) {
    const uint64_t word = uint64_t{kind} << 32 | length;
    std::memcpy(data() + at, &word, sizeof(word));
  }
  void ExpectBroken() {
    Record record;
    EXPECT_EQ(victim().Next(&record), Link::Take::kBroken);
    EXPECT_EQ(victim().Next(&record), Link::Take::kBroken);  // for good
    EXPECT_EQ(victim().broken().code, ErrorCode::kProtocol);
    EXPECT_FALSE(victim().broken().operation.empty());
    EXPECT_TRUE(victim().HasInput());
    const Status status = victim().OnSocketReadable();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kProtocol);
  }

  LinkPair pair_;
  Tamper words_{pair_.segment.get()};
};

TEST_F(LinkHostileRingTest, HeadOutOfRange) {
  in().head = 1ull << 40;
  ExpectBroken();
}
TEST_F(LinkHostileRingTest, HeadFarBehind) {
  in().head = -(1ull << 40);
  ExpectBroken();
}
// A head that lags behind its records tells of nothing: nobody is woken, nobody spins.
TEST_F(LinkHostileRingTest, HeadGoesBack) {
  Send(honest(), "abc");
  EXPECT_EQ(Receive(victim()), "abc");
  in().head = 8;
  Record record;
  EXPECT_EQ(victim().Next(&record), Link::Take::kEmpty);
  EXPECT_FALSE(victim().HasInput());
  EXPECT_FALSE(victim().InputHere());
  EXPECT_TRUE(victim().ArmDoorbell());
}
TEST_F(LinkHostileRingTest, HeadMisaligned) {
  in().head = 13;
  ExpectBroken();
}
TEST_F(LinkHostileRingTest, ZeroLength) {
  PutHeader(0, 0, 1);
  in().head = 64;
  ExpectBroken();
}
TEST_F(LinkHostileRingTest, AbsurdLength) {
  PutHeader(0, UINT32_MAX, 1);
  in().head = 64;
  ExpectBroken();
}
TEST_F(LinkHostileRingTest, LongerThanAQuarter) {
  PutHeader(0, 8193, 1);
  in().head = 32768;
  ExpectBroken();
}
TEST_F(LinkHostileRingTest, RecordsThatTheHeadNeverTellsOf) {
  PutHeader(0, 100, 1);
  Record record;
  EXPECT_TRUE(victim().InputHere());
  EXPECT_FALSE(victim().HasInput());
  EXPECT_EQ(victim().Next(&record), Link::Take::kRecord);
  EXPECT_EQ(record.bytes.size(), 100u);
  victim().Done(record);
  EXPECT_EQ(victim().Next(&record), Link::Take::kEmpty);
}
TEST_F(LinkHostileRingTest, UnknownKind) {
  PutHeader(0, 8, 77);
  in().head = 64;
  ExpectBroken();
}
TEST_F(LinkHostileRingTest, PunchedRing) {
  Send(honest(), "abc");
  ASSERT_EQ(fallocate(pair_.segment.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                      static_cast<off_t>(words_.header().data_offset[0]), 32768),
            0);
  ExpectBroken();
}
TEST_F(LinkHostileRingTest, SwitchToARingThatWasNotOffered) {
  PutHeader(0, 8, 2);
  const uint64_t generation = 1;
  std::memcpy(data() + 8, &generation, 8);
  in().head = 16;
  ExpectBroken();
}
TEST_F(LinkHostileRingTest, SwitchToTheSameRing) {
  PutHeader(0, 8, 2);
  in().head = 16;
  ExpectBroken();
}
TEST_F(LinkHostileRingTest, SwitchOfAWrongLength) {
  PutHeader(0, 16, 2);
  in().head = 24;
  ExpectBroken();
}

TEST_F(LinkHostileRingTest, TailOutOfRangeStopsTheProducer) {
  for (const uint64_t lie : {UINT64_MAX, uint64_t{1} << 50}) {
    LinkPair pair;
    Tamper words(pair.segment.get());
    const std::string text(1000, 'x');
    words.control(0).tail = lie;
    while (Send(*pair.connecting, text)) {
    }
    EXPECT_EQ(pair.connecting->Reserve(1000), nullptr);
    EXPECT_TRUE(pair.connecting->AwaitRoom(1000));
    Record record;
    EXPECT_EQ(pair.connecting->Next(&record), Link::Take::kBroken);
    EXPECT_FALSE(pair.connecting->OnSocketReadable().ok());
  }
}

TEST_F(LinkHostileRingTest, TailGoesBack) {
  const std::string text(1000, 'x');
  int sent = 0;
  while (Send(honest(), text)) ++sent;
  while (Receive(victim()) != "") {
  }
  ASSERT_TRUE(Send(honest(), text));
  words_.control(0).tail = 0;
  while (Send(honest(), text)) {
  }
  Record record;
  EXPECT_EQ(honest().Next(&record), Link::Take::kBroken);
}

// As transports wait for room: they look again as long as there seems to be some.
TEST_F(LinkHostileRingTest, AnAbsurdTailKeepsNobodyLooking) {
  Link& sender = *pair_.connecting;
  while (Send(sender, std::string(1000, 'x'))) {
  }
  ASSERT_TRUE(sender.AwaitRoom(1000));
  words_.control(0).tail = uint64_t{1} << 62;
  EXPECT_EQ(sender.Reserve(1000), nullptr);
  EXPECT_TRUE(sender.AwaitRoom(1000));
  EXPECT_FALSE(sender.HasRoom());
  EXPECT_TRUE(sender.ArmFor(Link::kForRoom));
}

// The peer can write the words that this side has written, too.
TEST_F(LinkHostileRingTest, OwnWordsAreNotReadBack) {
  Send(honest(), "abc");
  EXPECT_EQ(Receive(victim()), "abc");
  Record record;
  EXPECT_EQ(victim().Next(&record), Link::Take::kEmpty);
  // As if the peer waited for room that lent records hold up.
  in().awaited_tail = in().taken.load();
  in().tail = 0;
  EXPECT_TRUE(victim().ArmDoorbell());
  EXPECT_TRUE(victim().ArmFor(Link::kForInput));
  // As if this side waited for messages to be taken.
  words_.control(1).awaited_messages = 1;
  words_.control(1).messages_taken = 5;
  EXPECT_TRUE(victim().ArmFor(Link::kForMessages));
}

// ---- What may come over the socket -----------------------------------------------------------

class LinkHostileSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    PartsPair parts = MakePartsPair();
    raw_ = std::move(parts.connecting.socket);
    segment_ = std::move(parts.segment);
    auto link = Link::Create(Link::Side::kAccepting, std::move(parts.accepting), {});
    ASSERT_TRUE(link.ok());
    victim_ = *std::move(link);
  }
  UniqueFd Ring(size_t bytes) {
    auto memory = MakeSealedMemory(kRingMemoryName, bytes);
    EXPECT_TRUE(memory.ok());
    return *std::move(memory);
  }
  void ExpectProtocolError() {
    const Status status = victim_->OnSocketReadable();
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, ErrorCode::kProtocol) << ToString(status.error());
    Record record;
    EXPECT_EQ(victim_->Next(&record), Link::Take::kBroken);
  }
  std::unique_ptr<Link> victim_;
  UniqueFd raw_;
  UniqueFd segment_;
};

TEST_F(LinkHostileSocketTest, AGoodOfferIsTaken) {
  EXPECT_TRUE(SendFrame(raw_.get(), {FrameType::kRing, 1, 65536}, Ring(65536).get()));
  EXPECT_TRUE(victim_->OnSocketReadable().ok());
  Tamper words(segment_.get());
  EXPECT_EQ(words.control(0).acknowledged.load(), 1u);
}
TEST_F(LinkHostileSocketTest, ShortMessage) {
  ASSERT_EQ(send(raw_.get(), "abc", 3, 0), 3);
  ExpectProtocolError();
}
TEST_F(LinkHostileSocketTest, LongMessage) {
  ASSERT_EQ(send(raw_.get(), std::string(100, 'x').data(), 100, 0), 100);
  ExpectProtocolError();
}
TEST_F(LinkHostileSocketTest, UnknownType) {
  EXPECT_TRUE(SendFrame(raw_.get(), {static_cast<FrameType>(9), 0, 0}));
  ExpectProtocolError();
}
TEST_F(LinkHostileSocketTest, OfferWithoutMemory) {
  EXPECT_TRUE(SendFrame(raw_.get(), {FrameType::kRing, 1, 65536}));
  ExpectProtocolError();
}
TEST_F(LinkHostileSocketTest, OfferTooLarge) {
  EXPECT_TRUE(SendFrame(raw_.get(), {FrameType::kRing, 1, 4 << 20}, Ring(4 << 20).get()));
  ExpectProtocolError();
}
TEST_F(LinkHostileSocketTest, OfferOfAnotherSizeThanItSays) {
  EXPECT_TRUE(SendFrame(raw_.get(), {FrameType::kRing, 1, 131072}, Ring(65536).get()));
  ExpectProtocolError();
}
TEST_F(LinkHostileSocketTest, OfferOutOfOrder) {
  EXPECT_TRUE(SendFrame(raw_.get(), {FrameType::kRing, 2, 65536}, Ring(65536).get()));
  ExpectProtocolError();
}
TEST_F(LinkHostileSocketTest, OfferThatIsNotSealed) {
  UniqueFd fd(memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(ftruncate(fd.get(), 65536), 0);
  EXPECT_TRUE(SendFrame(raw_.get(), {FrameType::kRing, 1, 65536}, fd.get()));
  ExpectProtocolError();
}
TEST_F(LinkHostileSocketTest, TwoOffersAtOnce) {
  EXPECT_TRUE(SendFrame(raw_.get(), {FrameType::kRing, 1, 65536}, Ring(65536).get()));
  EXPECT_TRUE(SendFrame(raw_.get(), {FrameType::kRing, 2, 65536}, Ring(65536).get()));
  ExpectProtocolError();
}

TEST_F(LinkHostileSocketTest, OffersWithoutEnd) {
  Tamper words(segment_.get());
  uint64_t position = 0;
  Status status;
  uint32_t generation = 0;
  // A switch to each new ring, so that only their number is wrong.
  std::byte* data = words.data(0);
  UniqueFd fd;
  Mapping ring;
  while (status.ok() && generation < 100'000) {
    fd = Ring(4096);
    ASSERT_TRUE(SendFrame(raw_.get(), {FrameType::kRing, ++generation, 4096}, fd.get()));
    status = victim_->OnSocketReadable();
    const uint64_t capacity = generation == 1 ? words.ring_bytes(0) : 4096;
    const uint64_t words_of_switch[2] = {PackHeader(8, RecordKind::kSwitch), generation};
    std::memcpy(data + position % capacity, words_of_switch, 16);
    position += 16;
    words.control(0).head = position;
    Record record;
    const Link::Take take = victim_->Next(&record);
    ASSERT_EQ(take, status.ok() ? Link::Take::kEmpty : Link::Take::kBroken);
    auto mapping = Mapping::Shared(fd.get(), 0, 4096, {});
    ASSERT_TRUE(mapping.ok());
    ring = *std::move(mapping);
    data = ring.data();
  }
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kProtocol);
}

TEST_F(LinkHostileSocketTest, DoorbellsWithoutEnd) {
  Status status;
  uint64_t frames = 0;
  while (status.ok() && frames < 10'000'000) {
    while (SendFrame(raw_.get(), {FrameType::kDoorbell})) ++frames;
    status = victim_->OnSocketReadable();
  }
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kProtocol);
}

// A word that changes each time is no reason either.
TEST_F(LinkHostileSocketTest, DoorbellsWithoutEndAndWordsThatChange) {
  Tamper words(segment_.get());
  Status status;
  uint64_t frames = 0;
  while (status.ok() && frames < 10'000'000) {
    while (SendFrame(raw_.get(), {FrameType::kDoorbell})) ++frames;
    words.control(0).head = frames % 1000 * 8 + 8;
    words.control(1).tail = frames;
    status = victim_->OnSocketReadable();
  }
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kProtocol);
}

TEST_F(LinkHostileSocketTest, ManyDescriptorsAreAllClosed) {
  const int before = OpenDescriptors();
  for (const int count : {2, 4, 50}) {
    alignas(cmsghdr) char control[CMSG_SPACE(50 * sizeof(int))] = {};
    Frame frame{FrameType::kRing, 1, 65536};
    iovec place = {&frame, sizeof(frame)};
    msghdr message = {};
    message.msg_iov = &place;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    for (int i = 0; i < count; ++i) {
      const int fd = segment_.get();
      std::memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof(fd));
    }
    ASSERT_GT(sendmsg(raw_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT), 0);
    const Result<ReceivedFrame> received = ReceiveFrame(victim_->socket_fd());
    EXPECT_FALSE(received.ok());
  }
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(LinkHostileSocketTest, AnEventFdThatBlocksDoesNotStopTheReader) {
  fcntl(victim_->doorbell_fd(), F_SETFL, 0);
  victim_->DrainDoorbell();  // returns, though nothing was rung
}

// ---- A liar that never stops -----------------------------------------------------------------

// Scribbles over the control words and the data, now and then something plausible, while the victim
// uses both directions. Only survival and a bounded number of steps are asked for.
TEST(LinkLiarTest, NoLieCrashesTheVictim) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 150; ++round) {
    LinkPair pair({.initial_ring_bytes = 4096, .max_ring_bytes = 65536});
    Tamper words(pair.segment.get());
    std::atomic<bool> over{false};
    const uint64_t liar_seed = random();
    std::thread liar([&, liar_seed] {
      std::mt19937_64 lies(liar_seed);
      const auto store = [&](std::atomic<uint64_t>& word) {
        const uint64_t now = word.load(std::memory_order_relaxed);
        const uint64_t options[] = {now + lies() % 64 * 8, now - 8, lies(), now, 0};
        word.store(options[lies() % 5], std::memory_order_relaxed);
      };
      while (!over.load(std::memory_order_relaxed)) {
        const int direction = static_cast<int>(lies() % 2);
        switch (lies() % (round % 3 == 0 ? 3 : 8)) {
          case 0:
            store(words.control(0).head);
            break;
          case 1: {  // headers, plausible more often than not
            auto* word =
                reinterpret_cast<std::atomic<uint64_t>*>(words.data(direction) + lies() % 512 * 8);
            word->store(lies() % 4 == 0 ? lies()
                                        : PackHeader(static_cast<uint32_t>(lies() % 1100),
                                                     static_cast<RecordKind>(lies() % 3)),
                        std::memory_order_relaxed);
            break;
          }
          case 2:
            words.control(direction).watch.store(static_cast<uint32_t>(lies() % 5),
                                                 std::memory_order_relaxed);
            break;
          case 3:
            store(words.control(1).tail);
            break;
          case 4:
            store(words.control(1).taken);
            break;
          case 5:
            store(words.control(0).awaited_tail);
            break;
          case 6:
            words.control(1).acknowledged.store(static_cast<uint32_t>(lies() % 3),
                                                std::memory_order_relaxed);
            break;
          default:
            words.control(1).max_ring_bytes.store(static_cast<uint32_t>(1 << (lies() % 32)),
                                                  std::memory_order_relaxed);
        }
      }
    });
    Link& victim = *pair.accepting;
    std::vector<Lease> leases;
    uint64_t sum = 0;
    for (int step = 0; step < 3000; ++step) {
      Record record;
      const Link::Take take = victim.Next(&record);
      if (take == Link::Take::kRecord) {
        for (const std::byte& byte : record.bytes) {
          sum += static_cast<uint64_t>(reinterpret_cast<const std::atomic<std::byte>&>(byte).load(
              std::memory_order_relaxed));
        }
        if (random() % 4 == 0) {
          Lease lease = victim.Lend(record);
          if (lease.valid()) leases.push_back(std::move(lease));
        }
        victim.Done(record);
        if (leases.size() > 5) leases.erase(leases.begin() + random() % leases.size());
      } else if (take == Link::Take::kBroken && step > 50) {
        break;
      }
      const size_t size = 1 + random() % victim.max_record();
      if (std::byte* place = victim.Reserve(size)) {
        std::memset(place, 0, 1);
        victim.Commit(size);
        victim.Publish();
      } else {
        victim.AwaitRoom(size);
      }
      victim.HasRoom();
      victim.PeerCaughtUp();
      victim.RingIfBusy();
      if (step % 16 == 0) {
        victim.ArmDoorbell();
        victim.SetWatch(Link::Watch::kWatched);
        victim.DrainDoorbell();
        victim.WantRingBytes(65536);
        victim.OnSocketReadable().ok();
        victim.TrimIdle();
      }
    }
    over.store(true, std::memory_order_relaxed);
    liar.join();
    EXPECT_NE(sum, 1u);  // keeps the reads
  }
}

}  // namespace
}  // namespace samehost::shm
