// What a link does for its user, one end after the other in one thread, and under random traffic
// with a thread for each end.
#include "plugin/shm/link.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <cstring>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include "plugin/base/mapping.h"
#include "plugin/base/memory_headroom.h"
#include "plugin/shm/link_pair_for_test.h"
#include "plugin/shm/link_traffic_for_test.h"

namespace samehost::shm {
namespace {

bool Readable(int fd) {
  pollfd entry = {fd, POLLIN, 0};
  return poll(&entry, 1, 0) == 1;
}

TEST(LinkTest, CarriesRecordsBothWays) {
  LinkPair pair;
  Record record;
  EXPECT_EQ(pair.accepting->Next(&record), Link::Take::kEmpty);
  EXPECT_FALSE(pair.accepting->HasInput());
  ASSERT_TRUE(Send(*pair.connecting, "hello"));
  ASSERT_TRUE(Send(*pair.accepting, "answer"));
  EXPECT_TRUE(pair.accepting->HasInput());
  EXPECT_EQ(Receive(*pair.accepting), "hello");
  EXPECT_EQ(pair.accepting->Next(&record), Link::Take::kEmpty);
  EXPECT_EQ(Receive(*pair.connecting), "answer");
}

TEST(LinkTest, NothingIsVisibleBeforePublish) {
  LinkPair pair;
  std::byte* place = pair.connecting->Reserve(100);
  ASSERT_NE(place, nullptr);
  pair.connecting->Commit(10);
  Record record;
  EXPECT_EQ(pair.accepting->Next(&record), Link::Take::kEmpty);
  pair.connecting->Publish();
  ASSERT_EQ(pair.accepting->Next(&record), Link::Take::kRecord);
  EXPECT_EQ(record.bytes.size(), 10u);
}

TEST(LinkTest, EverySizeUpToTheLargestComesThrough) {
  LinkPair pair;
  const Pattern pattern{7, pair.connecting->max_record()};
  Record record;
  for (size_t size = 1; size <= pair.connecting->max_record(); size += 1 + size / 50) {
    std::byte* place = pair.connecting->Reserve(size);
    ASSERT_NE(place, nullptr) << size;
    pattern.Fill(size, place, size);
    pair.connecting->Commit(size);
    pair.connecting->Publish();
    ASSERT_EQ(pair.accepting->Next(&record), Link::Take::kRecord);
    std::string expected(size, '\0');
    pattern.Fill(size, reinterpret_cast<std::byte*>(expected.data()), size);
    ASSERT_EQ(Text(record), expected);
    pair.accepting->Done(record);
    pair.accepting->FlushDone();
  }
  const std::string largest(pair.connecting->max_record(), 'x');
  EXPECT_TRUE(Send(*pair.connecting, largest));
  EXPECT_EQ(Receive(*pair.accepting), largest);
  EXPECT_EQ(pair.connecting->Reserve(pair.connecting->max_record() + 1), nullptr);
  EXPECT_EQ(pair.connecting->Reserve(0), nullptr);
}

TEST(LinkTest, FullRingIsBackPressure) {
  LinkPair pair;
  const std::string text(1000, 'x');
  int sent = 0;
  while (Send(*pair.connecting, text)) ++sent;
  EXPECT_GT(sent, 30);
  EXPECT_EQ(pair.connecting->counters().ring_full, 1u);
  ASSERT_TRUE(pair.connecting->AwaitRoom(text.size()));
  EXPECT_FALSE(pair.connecting->HasRoom());
  EXPECT_EQ(Receive(*pair.accepting), text);
  pair.accepting->FlushDone();
  EXPECT_TRUE(pair.connecting->HasRoom());
  EXPECT_FALSE(pair.connecting->AwaitRoom(text.size()));
  EXPECT_TRUE(Send(*pair.connecting, text));
  EXPECT_FALSE(pair.connecting->HasRoom());  // nothing is awaited any more
  for (int i = 0; i < sent; ++i) EXPECT_EQ(Receive(*pair.accepting), text);
  EXPECT_EQ(Receive(*pair.accepting), "");
}

TEST(LinkTest, AMessageIsSentInOneStep) {
  LinkPair pair;
  Link& sender = *pair.connecting;
  const auto send = [&](std::string_view head, std::string_view body) {
    return sender.SendMessage(std::as_bytes(std::span(head)), std::as_bytes(std::span(body)));
  };
  ASSERT_TRUE(send("12345678", "body"));
  Record record;
  ASSERT_EQ(pair.accepting->Next(&record), Link::Take::kRecord);
  EXPECT_EQ(Text(record).substr(0, 12), "12345678body");
  EXPECT_EQ(record.bytes.size(), 16u);
  pair.accepting->Done(record);
  ASSERT_TRUE(send("12345678", ""));
  EXPECT_EQ(Receive(*pair.accepting), "12345678");
  // With what was committed before it, and in its order.
  std::byte* place = sender.Reserve(1);
  ASSERT_NE(place, nullptr);
  *place = std::byte{'a'};
  sender.Commit(1);
  ASSERT_TRUE(send("", "bbbbbbbb"));
  EXPECT_EQ(Receive(*pair.accepting), "a");
  EXPECT_EQ(Receive(*pair.accepting), "bbbbbbbb");
  ASSERT_TRUE(pair.accepting->ArmDoorbell());
  ASSERT_TRUE(send("c", ""));
  EXPECT_TRUE(Readable(pair.accepting->doorbell_fd()));
  EXPECT_EQ(sender.counters().messages_sent, 4u);
  EXPECT_EQ(sender.counters().records_sent, 5u);
  const std::string text(1000, 'x');
  uint64_t sent = 4;
  while (send(text, text)) ++sent;
  EXPECT_GT(sent, 10u);
  EXPECT_EQ(sender.counters().messages_sent, sent);
  EXPECT_FALSE(send(std::string(sender.max_record(), 'x'), text));
}

TEST(LinkTest, DoorbellRingsOnlyForASleeper) {
  LinkPair pair;
  Link& sender = *pair.connecting;
  Link& sleeper = *pair.accepting;
  Send(sender, "a");
  EXPECT_FALSE(Readable(sleeper.doorbell_fd()));
  EXPECT_FALSE(sleeper.ArmDoorbell());  // there is input
  Receive(sleeper);
  EXPECT_TRUE(sleeper.ArmDoorbell());
  Send(sender, "b");
  EXPECT_TRUE(Readable(sleeper.doorbell_fd()));
  sleeper.DrainDoorbell();
  Send(sender, "c");  // once only
  EXPECT_FALSE(Readable(sleeper.doorbell_fd()));
  EXPECT_EQ(sender.counters().doorbells_rung, 1u);
}

TEST(LinkTest, BusyPeerIsRungOnlyByAPatientSender) {
  LinkPair pair;
  Link& sender = *pair.connecting;
  Link& busy = *pair.accepting;
  busy.SetWatch(Link::Watch::kBusy);
  Send(sender, "a");
  EXPECT_FALSE(Readable(busy.doorbell_fd()));
  EXPECT_FALSE(sender.PeerCaughtUp());
  sender.RingIfBusy();
  EXPECT_TRUE(Readable(busy.doorbell_fd()));
  EXPECT_EQ(sender.counters().doorbells_deferred, 1u);
  busy.DrainDoorbell();
  Receive(busy);
  busy.FlushDone();
  EXPECT_TRUE(sender.PeerCaughtUp());
  busy.SetWatch(Link::Watch::kBusy);
  sender.RingIfBusy();  // nothing unread
  EXPECT_FALSE(Readable(busy.doorbell_fd()));
  // The watchman.
  EXPECT_TRUE(busy.ArmDoorbell(true));
  Send(sender, "b");
  EXPECT_TRUE(Readable(busy.doorbell_fd()));
  busy.DrainDoorbell();
  busy.SetWatch(Link::Watch::kWatched);
  EXPECT_TRUE(busy.ArmDoorbell(true));  // not busy: nothing to do
  Send(sender, "c");
  EXPECT_FALSE(Readable(busy.doorbell_fd()));
  busy.SetWatch(Link::Watch::kBusy);
  EXPECT_FALSE(busy.ArmDoorbell(true));  // busy, and there is input
}

TEST(LinkTest, RoomRingsASleepingSender) {
  LinkPair pair;
  const std::string text(1000, 'x');
  while (Send(*pair.connecting, text)) {
  }
  ASSERT_TRUE(pair.connecting->AwaitRoom(text.size()));
  ASSERT_TRUE(pair.connecting->ArmDoorbell());
  EXPECT_EQ(Receive(*pair.accepting), text);
  EXPECT_FALSE(Readable(pair.connecting->doorbell_fd()));
  pair.accepting->FlushDone();
  EXPECT_TRUE(Readable(pair.connecting->doorbell_fd()));
  pair.connecting->DrainDoorbell();
  EXPECT_TRUE(pair.connecting->HasRoom());
  EXPECT_FALSE(pair.connecting->ArmDoorbell());  // there is awaited room
}

TEST(LinkTest, RingSelfReachesTheOwnPoller) {
  for (const bool share_eventfds : {true, false}) {
    LinkPair pair({}, share_eventfds);
    pair.accepting->RingSelf();
    EXPECT_TRUE(Readable(pair.accepting->doorbell_fd()));
    pair.accepting->DrainDoorbell();
    EXPECT_FALSE(Readable(pair.accepting->doorbell_fd()));
    pair.accepting->DrainDoorbell();  // with nothing there: returns
  }
}

TEST(LinkTest, OtherUsersRingThroughTheSocket) {
  for (const int type : {SOCK_SEQPACKET, SOCK_STREAM}) {
    LinkPair pair({}, /*share_eventfds=*/false, type);
    ASSERT_TRUE(pair.accepting->ArmDoorbell());
    Send(*pair.connecting, "a");
    EXPECT_FALSE(Readable(pair.accepting->doorbell_fd()));
    EXPECT_TRUE(Readable(pair.accepting->socket_fd()));
    EXPECT_TRUE(pair.accepting->OnSocketReadable().ok());
    EXPECT_FALSE(Readable(pair.accepting->socket_fd()));
    Record record;
    ASSERT_EQ(pair.accepting->Next(&record), Link::Take::kRecord);
    EXPECT_FALSE(pair.accepting->Lend(record).valid());
    pair.accepting->Done(record);
  }
}

TEST(LinkTest, CloseIsSeenAndLeavesWhatWasSent) {
  LinkPair pair;
  Send(*pair.connecting, "last words");
  pair.connecting->Close();
  pair.connecting->Close();
  EXPECT_TRUE(Readable(pair.accepting->socket_fd()));
  const Status status = pair.accepting->OnSocketReadable();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kClosed);
  EXPECT_EQ(Receive(*pair.accepting), "last words");
}

TEST(LinkTest, CountersAndDescription) {
  LinkPair pair;
  Send(*pair.connecting, "12345");
  Receive(*pair.accepting);
  pair.accepting->FlushDone();
  pair.connecting->CountMessageSent();
  pair.accepting->CountMessageReceived();
  pair.accepting->CountSleep();
  pair.accepting->CountSpin(true);
  pair.accepting->CountSpin(false);
  pair.connecting->Describe({.protocol = "grpc", .name = std::string(500, 'n'), .peer_uid = 5});
  const CounterValues sent = pair.connecting->counters();
  const CounterValues received = pair.accepting->counters();
  EXPECT_EQ(sent.messages_sent, 1u);
  EXPECT_EQ(sent.records_sent, 1u);
  EXPECT_EQ(sent.bytes_sent, 5u);
  EXPECT_EQ(sent.ring_bytes, 32768u);
  EXPECT_EQ(received.messages_received, 1u);
  EXPECT_EQ(received.records_received, 1u);
  EXPECT_EQ(received.bytes_received, 5u);
  EXPECT_EQ(received.sleeps, 1u);
  EXPECT_EQ(received.spins_succeeded, 1u);
  EXPECT_EQ(received.spins_failed, 1u);
  // What the command reads through /proc.
  Tamper reader(pair.segment.get());
  const auto* page =
      reinterpret_cast<const CountersPage*>(reader.all() + reader.header().counters_offset[0]);
  EXPECT_EQ(page->version, kCountersVersion);
  EXPECT_STREQ(page->protocol, "grpc");
  EXPECT_EQ(std::string(page->name).size(), sizeof(page->name) - 1);
  EXPECT_EQ(page->peer_uid, 5u);
  EXPECT_EQ(page->pid, static_cast<uint32_t>(getpid()));
}

TEST(LinkTest, SmallAndHonestAboutMemory) {
  LinkPair pair;
  EXPECT_LE(pair.connecting->memory_bytes(), 96u * 1024);
  EXPECT_GE(pair.connecting->memory_bytes(), 64u * 1024);
}

TEST(LinkTest, ARingHasAPageAtLeast) {
  const auto page = static_cast<uint32_t>(PageBytes());
  const LinkOptions small = InWholePages({.initial_ring_bytes = 1024, .max_ring_bytes = page / 2});
  EXPECT_EQ(small.initial_ring_bytes, page);
  EXPECT_EQ(small.max_ring_bytes, page);
  const LinkOptions kept = InWholePages({.initial_ring_bytes = 1000, .max_ring_bytes = 2 * page});
  EXPECT_EQ(kept.initial_ring_bytes, 1000u);  // no power of two: refused below
  EXPECT_EQ(kept.max_ring_bytes, 2 * page);
  LinkPair pair({.initial_ring_bytes = 1024, .max_ring_bytes = 2048});
  EXPECT_EQ(pair.connecting->counters().ring_bytes, page);
}

TEST(LinkTest, MakePartsRefusesBadOptionsAndShortMemory) {
  EXPECT_EQ(Link::MakeParts({.initial_ring_bytes = 1000}, true).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(
      Link::MakeParts({.initial_ring_bytes = 65536, .max_ring_bytes = 32768}, true).error().code,
      ErrorCode::kInvalidArgument);
  SetMemoryHeadroomForTesting(1000);
  EXPECT_EQ(Link::MakeParts({}, true).error().code, ErrorCode::kNoMemory);
  SetMemoryHeadroomForTesting(UINT64_MAX);
}

TEST(LinkTest, NothingIsLeftBehind) {
  const int descriptors = OpenDescriptors();
  const int mappings = SamehostMappings();
  for (int i = 0; i < 100; ++i) {
    LinkPair pair;
    Send(*pair.connecting, "x");
  }
  EXPECT_EQ(OpenDescriptors(), descriptors);
  EXPECT_EQ(SamehostMappings(), mappings);
}

// ---- Random traffic, one thread an end -------------------------------------------------------

struct TrafficCase {
  const char* name;
  LinkOptions options;
  size_t max_bytes;
  double lend;
  bool share_eventfds;
  uint64_t records;
};

class LinkTrafficTest : public testing::TestWithParam<TrafficCase> {};

TEST_P(LinkTrafficTest, EveryByteInOrder) {
  const TrafficCase& param = GetParam();
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  LinkPair pair(param.options, param.share_eventfds);
  Endpoint::Plan there{.send = param.records,
                       .receive = param.records,
                       .outgoing = {seed, param.max_bytes},
                       .incoming = {seed + 1, param.max_bytes},
                       .lend = param.lend};
  Endpoint::Plan back = there;
  std::swap(back.outgoing, back.incoming);
  std::string answer;
  std::thread other([&] { answer = Endpoint(pair.accepting.get(), back).Run(); });
  EXPECT_EQ(Endpoint(pair.connecting.get(), there).Run(), "");
  other.join();
  EXPECT_EQ(answer, "");
}

constexpr LinkOptions kTiny{.initial_ring_bytes = 4096, .max_ring_bytes = 4096};
constexpr LinkOptions kSmall{.initial_ring_bytes = 32768, .max_ring_bytes = 32768};

INSTANTIATE_TEST_SUITE_P(All, LinkTrafficTest,
                         testing::Values(TrafficCase{"Tiny", kTiny, 1024, 0, true, 20000},
                                         TrafficCase{"TinyLent", kTiny, 1024, 0.5, true, 20000},
                                         TrafficCase{"Small", kSmall, 8192, 0, true, 20000},
                                         TrafficCase{"SmallLent", kSmall, 8192, 0.3, true, 20000},
                                         TrafficCase{"SingleBytes", kTiny, 1, 0, true, 50000},
                                         TrafficCase{"OtherUser", kTiny, 1024, 0.5, false, 5000}),
                         [](const auto& info) { return std::string(info.param.name); });

// A thread for each direction of each end: what the transport's two locks allow.
TEST(LinkTest, ProducingAndConsumingRunAtOnce) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  constexpr uint64_t kRecords = 30000;
  LinkPair pair(kTiny);
  const auto produce = [&](Link* link, uint64_t stream) {
    const Pattern pattern{stream, 1024};
    for (uint64_t i = 0; i < kRecords; ++i) {
      const size_t size = pattern.Size(i);
      std::byte* place;
      while ((place = link->Reserve(size)) == nullptr) {
        if (link->AwaitRoom(size)) {
          while (!link->HasRoom()) std::this_thread::yield();
        }
      }
      pattern.Fill(i, place, size);
      link->Commit(size);
      link->Publish();
    }
  };
  const auto consume = [&](Link* link, uint64_t stream) {
    const Pattern pattern{stream, 1024};
    Record record;
    for (uint64_t i = 0; i < kRecords;) {
      if (link->Next(&record) != Link::Take::kRecord) {
        while (!link->HasInput()) std::this_thread::yield();
        continue;
      }
      EXPECT_TRUE(pattern.Matches(i, record.bytes));
      link->Done(record);
      ++i;
    }
    link->FlushDone();
  };
  std::thread threads[] = {
      std::thread(produce, pair.connecting.get(), seed),
      std::thread(consume, pair.accepting.get(), seed),
      std::thread(produce, pair.accepting.get(), seed + 1),
      std::thread(consume, pair.connecting.get(), seed + 1),
  };
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(pair.connecting->PeerCaughtUp());
  EXPECT_TRUE(pair.accepting->PeerCaughtUp());
}

}  // namespace
}  // namespace samehost::shm
