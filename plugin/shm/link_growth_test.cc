// Rings that grow under traffic and are given back when idle.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <utility>

#include "plugin/base/memory_headroom.h"
#include "plugin/shm/link_pair_for_test.h"
#include "plugin/shm/link_traffic_for_test.h"

namespace samehost::shm {
namespace {

// Grows the ring that `from` produces into; `to` is the peer.
void Grow(Link& from, Link& to, size_t bytes) {
  const auto start = std::chrono::steady_clock::now();
  // An offer may have to wait for its turn after the one before.
  while (from.max_record() < bytes / 4) {
    from.WantRingBytes(bytes);
    ASSERT_TRUE(to.OnSocketReadable().ok());
    Send(from, "x");  // moves over once the peer has said yes
    while (Receive(to) != "") {
    }
    ASSERT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(kWatchdogMillis));
  }
}

TEST(LinkGrowthTest, RecordsStayInOrderAcrossTheSwitch) {
  LinkPair pair;
  Send(*pair.connecting, "in the small ring");
  pair.connecting->WantRingBytes(1 << 20);
  Send(*pair.connecting, "still");
  ASSERT_TRUE(pair.accepting->OnSocketReadable().ok());
  const std::string large(256 * 1024, 'L');
  EXPECT_LT(pair.connecting->max_record(), large.size());
  ASSERT_TRUE(Send(*pair.connecting, "in the large ring"));
  EXPECT_EQ(pair.connecting->max_record(), large.size());
  ASSERT_TRUE(Send(*pair.connecting, large));
  EXPECT_EQ(Receive(*pair.accepting), "in the small ring");
  EXPECT_EQ(Receive(*pair.accepting), "still");
  EXPECT_EQ(Receive(*pair.accepting), "in the large ring");
  EXPECT_EQ(Receive(*pair.accepting), large);
  EXPECT_EQ(pair.connecting->counters().ring_bytes, 1u << 20);
}

// The change to the larger ring lets a batch be seen that nobody has been told of yet. A reader
// that takes it at once is ahead of the head, and honest.
TEST(LinkGrowthTest, TheReaderMayBeAheadOfTheHeadAtTheSwitch) {
  LinkPair pair({.initial_ring_bytes = 4096, .max_ring_bytes = 65536});
  Link& from = *pair.connecting;
  Link& to = *pair.accepting;
  std::byte* place = from.Reserve(8);
  ASSERT_NE(place, nullptr);
  std::memcpy(place, "unheard ", 8);
  from.Commit(8);
  from.WantRingBytes(8192);
  ASSERT_TRUE(to.OnSocketReadable().ok());
  ASSERT_NE(from.Reserve(8), nullptr);  // moves over
  EXPECT_FALSE(to.HasInput());
  EXPECT_TRUE(to.InputHere());
  EXPECT_EQ(Receive(to), "unheard ");
  EXPECT_EQ(Receive(to), "");  // past the switch, and the tail says so
  int sent = 0;
  for (; from.Reserve(64) != nullptr; ++sent) {  // until it has to look at the tail
    std::memset(from.Reserve(64), 'x', 64);
    from.Commit(64);
  }
  EXPECT_GT(sent, 100);
  from.Publish();
  for (; sent > 0; --sent) EXPECT_EQ(Receive(to), std::string(64, 'x'));
  EXPECT_TRUE(from.Reserve(64) != nullptr);
  Record record;
  EXPECT_EQ(from.Next(&record), Link::Take::kEmpty) << "not broken";
}

// What a spinning reader looks at is the first word of a record: nothing that was left there by an
// earlier round of the ring, or by an earlier use of the first ring, may look like one.
TEST(LinkGrowthTest, TheFirstWordTellsWhetherThereIsARecord) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  LinkPair pair({.initial_ring_bytes = 4096, .max_ring_bytes = 65536});
  Link& from = *pair.connecting;
  Link& to = *pair.accepting;
  const auto below = [&](size_t bound) { return 1 + random() % bound; };
  uint64_t sent = 0;
  uint64_t received = 0;
  const auto receive = [&] {
    Record record;
    while (to.Next(&record) == Link::Take::kRecord) {
      uint64_t number;
      std::memcpy(&number, record.bytes.data(), sizeof(number));
      ASSERT_EQ(number, ++received);
      to.Done(record);
    }
    ASSERT_EQ(from.Next(&record), Link::Take::kEmpty) << "broken";
  };
  // Offers are 20 ms apart, so this takes as many rounds as it takes.
  int changes = 0;
  size_t max_record = from.max_record();
  for (int round = 0; changes < 40; ++round) {
    ASSERT_FALSE(to.InputHere()) << round;
    ASSERT_FALSE(to.HasInput()) << round;
    if (random() % 50 == 0) from.WantRingBytes(below(65536));
    if (random() % 50 == 0) {
      ASSERT_TRUE(to.OnSocketReadable().ok());
    }
    if (random() % 100 == 0) from.TrimIdle();
    for (size_t batch = below(4); batch > 0; --batch) {
      const size_t reserved = std::max<size_t>(8, below(from.max_record() / 4));
      std::byte* place = from.Reserve(reserved);
      if (place == nullptr) break;
      std::memset(place, 0xff, reserved);
      std::memcpy(place, &++sent, sizeof(sent));
      from.Commit(std::max<size_t>(8, below(reserved)));
      if (random() % 4 == 0) receive();  // what a switch has let be seen before its time
    }
    from.Publish();
    ASSERT_EQ(to.InputHere(), sent != received) << round;
    ASSERT_EQ(to.HasInput(), sent != received) << round;
    receive();
    ASSERT_EQ(received, sent) << round;
    changes += from.max_record() != std::exchange(max_record, from.max_record());
  }
}

TEST(LinkGrowthTest, BoundedByBothSides) {
  PartsPair parts = MakePartsPair({.max_ring_bytes = 1 << 20});
  auto large = Link::Create(Link::Side::kConnecting, std::move(parts.connecting),
                            {.max_ring_bytes = 1 << 20});
  auto small =
      Link::Create(Link::Side::kAccepting, std::move(parts.accepting), {.max_ring_bytes = 1 << 17});
  ASSERT_TRUE(large.ok() && small.ok());
  Grow(**large, **small, 1 << 17);
  EXPECT_EQ((*large)->max_record(), (1u << 17) / 4);
  (*large)->WantRingBytes(1 << 20);
  EXPECT_TRUE((*small)->OnSocketReadable().ok());
  Send(**large, "x");
  EXPECT_EQ((*large)->max_record(), (1u << 17) / 4);
}

TEST(LinkGrowthTest, NeverGrowsWhenInitialIsTheMaximum) {
  LinkPair pair({.initial_ring_bytes = 32768, .max_ring_bytes = 32768});
  const size_t before = pair.connecting->memory_bytes();
  pair.connecting->WantRingBytes(1 << 20);
  EXPECT_EQ(pair.connecting->memory_bytes(), before);
}

TEST(LinkGrowthTest, ShortMemoryMeansNoGrowth) {
  LinkPair pair;
  SetMemoryHeadroomForTesting(5 << 20);
  const size_t before = pair.connecting->memory_bytes();
  pair.connecting->WantRingBytes(2 << 20);
  EXPECT_EQ(pair.connecting->memory_bytes(), before);
  SetMemoryHeadroomForTesting(UINT64_MAX);
  EXPECT_TRUE(Send(*pair.connecting, "goes on"));
  EXPECT_EQ(Receive(*pair.accepting), "goes on");
}

TEST(LinkGrowthTest, ASenderThatWaitsForRoomIsToldOfTheNewRing) {
  LinkPair pair;
  const std::string text(8192, 'x');
  while (Send(*pair.connecting, text)) {
  }
  ASSERT_TRUE(pair.connecting->AwaitRoom(text.size()));
  pair.connecting->WantRingBytes(1 << 20);
  ASSERT_TRUE(pair.connecting->ArmDoorbell());
  ASSERT_TRUE(pair.accepting->OnSocketReadable().ok());
  pollfd entry = {pair.connecting->doorbell_fd(), POLLIN, 0};
  ASSERT_EQ(poll(&entry, 1, kWatchdogMillis), 1);
  EXPECT_TRUE(pair.connecting->HasRoom());
  EXPECT_TRUE(Send(*pair.connecting, "through the new ring"));
  while (true) {
    const std::string got = Receive(*pair.accepting);
    ASSERT_NE(got, "");
    if (got == "through the new ring") break;
  }
}

TEST(LinkGrowthTest, TrimGivesTheMemoryBackThoughThePeerSleeps) {
  LinkPair pair;
  const int descriptors = OpenDescriptors();
  const int mappings = SamehostMappings();
  const size_t small = pair.connecting->memory_bytes();
  for (int round = 0; round < 5; ++round) {
    Grow(*pair.connecting, *pair.accepting, 2 << 20);
    Grow(*pair.accepting, *pair.connecting, 2 << 20);
    EXPECT_EQ(pair.connecting->memory_bytes(), small + (4 << 20));
    // Moves the end of the records to an odd place in the ring, so that punching goes round its
    // end.
    ASSERT_TRUE(Send(*pair.connecting, std::string(1000 + round * 70'001, 'x')));
    while (Receive(*pair.accepting) != "") {
    }
    while (Receive(*pair.connecting) != "") {
    }
    ASSERT_TRUE(pair.accepting->ArmDoorbell());
    ASSERT_TRUE(pair.connecting->ArmDoorbell());
    pair.connecting->TrimIdle();
    pair.accepting->TrimIdle();
    // A page or two for each switch record is all that is left.
    EXPECT_LE(pair.connecting->memory_bytes(), small + 4 * 4096);
    EXPECT_LE(pair.accepting->memory_bytes(), small + 4 * 4096);
    EXPECT_TRUE(pair.connecting->PeerCaughtUp());
    pollfd entry = {pair.accepting->doorbell_fd(), POLLIN, 0};
    EXPECT_EQ(poll(&entry, 1, 0), 0);  // nobody was woken for it
    // It goes on in the small ring.
    ASSERT_TRUE(Send(*pair.connecting, "on"));
    EXPECT_EQ(Receive(*pair.accepting), "on");
    ASSERT_TRUE(Send(*pair.accepting, "and on"));
    EXPECT_EQ(Receive(*pair.connecting), "and on");
    pair.accepting->DrainDoorbell();
    pair.connecting->DrainDoorbell();
    EXPECT_EQ(pair.connecting->memory_bytes(), small);
    EXPECT_EQ(OpenDescriptors(), descriptors);
    EXPECT_EQ(SamehostMappings(), mappings);
  }
}

TEST(LinkGrowthTest, TrimGivesBackARingThatWasNeverUsed) {
  LinkPair pair;
  const size_t small = pair.connecting->memory_bytes();
  for (const bool grown_before : {false, true}) {
    if (grown_before) Grow(*pair.connecting, *pair.accepting, 1 << 20);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    const size_t before = pair.connecting->memory_bytes();
    while (pair.connecting->memory_bytes() == before) {
      pair.connecting->WantRingBytes(2 << 20);
      ASSERT_LT(std::chrono::steady_clock::now(), end);
    }
    if (!grown_before) {
      EXPECT_FALSE(pair.connecting->TrimIdle()) << "the peer may still take it";
    }
    ASSERT_TRUE(pair.accepting->OnSocketReadable().ok());
    EXPECT_TRUE(pair.connecting->TrimIdle());
    EXPECT_LE(pair.connecting->memory_bytes(), small);
    EXPECT_LE(pair.accepting->memory_bytes(), small + 4 * 4096);
    // More than once round the small ring, with the switches unread at first.
    uint64_t sent = 0, received = 0;
    const auto text = [](uint64_t i) { return std::to_string(i) + std::string(500, 'x'); };
    while (Send(*pair.connecting, text(sent))) ++sent;
    EXPECT_GT(sent, 50u);
    while (received < 200) {
      ASSERT_EQ(Receive(*pair.accepting), text(received++));
      pair.accepting->FlushDone();
      while (Send(*pair.connecting, text(sent))) ++sent;
    }
    while (Receive(*pair.accepting) != "") {
    }
    EXPECT_EQ(pair.accepting->memory_bytes(), small);
  }
}

TEST(LinkGrowthTest, NoTrimWhileAnythingIsUnreadOrLent) {
  LinkPair pair;
  Grow(*pair.connecting, *pair.accepting, 1 << 20);
  const size_t grown = pair.connecting->memory_bytes();
  ASSERT_TRUE(Send(*pair.connecting, "unread"));
  EXPECT_FALSE(pair.connecting->TrimIdle());
  EXPECT_EQ(pair.connecting->memory_bytes(), grown);
  Record record;
  ASSERT_EQ(pair.accepting->Next(&record), Link::Take::kRecord);
  Lease lease = pair.accepting->Lend(record);
  ASSERT_TRUE(lease.valid());
  EXPECT_EQ(pair.accepting->Next(&record), Link::Take::kEmpty);
  EXPECT_FALSE(pair.connecting->TrimIdle());
  EXPECT_EQ(pair.connecting->memory_bytes(), grown);
  lease.Reset();
  EXPECT_TRUE(pair.connecting->TrimIdle());
  EXPECT_LT(pair.connecting->memory_bytes(), grown);
}

TEST(LinkGrowthTest, LeasesOnTheRingThatIsLeftKeepTheirBytes) {
  LinkPair pair;
  const std::string small(3000, 's');
  const std::string large(100'000, 'g');
  Record record;
  ASSERT_TRUE(Send(*pair.connecting, small));
  ASSERT_EQ(pair.accepting->Next(&record), Link::Take::kRecord);
  const Record in_small = record;
  Lease first = pair.accepting->Lend(record);
  Grow(*pair.connecting, *pair.accepting, 1 << 20);
  ASSERT_TRUE(Send(*pair.connecting, large));
  ASSERT_EQ(pair.accepting->Next(&record), Link::Take::kRecord);
  const Record in_grown = record;
  Lease second = pair.accepting->Lend(record);
  ASSERT_TRUE(first.valid() && second.valid());
  Grow(*pair.connecting, *pair.accepting, 2 << 20);
  // Leases on rings that were left hold up nothing: several rounds through the new ring.
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(Send(*pair.connecting, large)) << i;
    ASSERT_EQ(Receive(*pair.accepting), large);
  }
  EXPECT_EQ(Receive(*pair.accepting), "");
  pair.connecting->TrimIdle();
  for (int i = 0; i < 60; ++i) {
    ASSERT_TRUE(Send(*pair.connecting, std::string(3000, 'n')));
    ASSERT_EQ(Receive(*pair.accepting), std::string(3000, 'n'));
  }
  EXPECT_EQ(Text(in_small), small);
  EXPECT_EQ(Text(in_grown), large);
  pair.accepting.reset();
  EXPECT_EQ(Text(in_small), small);
}

TEST(LinkGrowthTest, ARecordThatWasNotGivenBackHoldsTheSwitch) {
  LinkPair pair;
  Record first, second;
  ASSERT_TRUE(Send(*pair.connecting, "first"));
  ASSERT_EQ(pair.accepting->Next(&first), Link::Take::kRecord);
  pair.connecting->WantRingBytes(1 << 20);
  ASSERT_TRUE(pair.accepting->OnSocketReadable().ok());
  ASSERT_TRUE(Send(*pair.connecting, "second"));
  EXPECT_EQ(pair.accepting->Next(&second), Link::Take::kEmpty);
  EXPECT_TRUE(pair.accepting->HasInput());
  EXPECT_EQ(Text(first), "first");
  pair.accepting->Done(first);
  EXPECT_EQ(Receive(*pair.accepting), "second");
}

TEST(LinkGrowthTest, GrowsTrimsAndLendsUnderTrafficBothWays) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const int descriptors = OpenDescriptors();
  const int mappings = SamehostMappings();
  for (const double lend : {0.0, 0.3}) {
    const LinkOptions options{.initial_ring_bytes = 4096, .max_ring_bytes = 1 << 18};
    LinkPair pair(options);
    Endpoint::Plan there{.send = 3000,
                         .receive = 3000,
                         .outgoing = {seed, 60'000},
                         .incoming = {seed + 1, 60'000},
                         .lend = lend,
                         .want_ring_bytes = 1 << 17,
                         .trim_every = 50};
    Endpoint::Plan back = there;
    std::swap(back.outgoing, back.incoming);
    back.trim_every = 70;
    std::string answer;
    std::thread other([&] { answer = Endpoint(pair.accepting.get(), back).Run(); });
    EXPECT_EQ(Endpoint(pair.connecting.get(), there).Run(), "");
    other.join();
    EXPECT_EQ(answer, "");
  }
  EXPECT_EQ(OpenDescriptors(), descriptors);
  EXPECT_EQ(SamehostMappings(), mappings);
}

}  // namespace
}  // namespace samehost::shm
