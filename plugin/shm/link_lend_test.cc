// Records that are lent out: any order, any thread, longer than the link, longer than the peer
// likes.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "plugin/base/clock.h"
#include "plugin/shm/link_pair_for_test.h"
#include "plugin/shm/link_traffic_for_test.h"

namespace samehost::shm {
namespace {

struct Lent {
  Lease lease;
  std::span<const std::byte> bytes;
  std::string text() const {
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
};

Lent Borrow(Link& link) {
  Record record;
  EXPECT_EQ(link.Next(&record), Link::Take::kRecord);
  Lease lease = link.Lend(record);
  return {std::move(lease), record.bytes};
}

// How many bytes of `text`-sized records fit now.
int Fill(Link& link, const std::string& text) {
  int sent = 0;
  while (Send(link, text)) ++sent;
  return sent;
}

TEST(LinkLendTest, RoomComesBackInPositionOrder) {
  LinkPair pair;
  const std::string text(1000, 'x');
  const int fits = Fill(*pair.connecting, text);
  Lent first = Borrow(*pair.accepting);
  Lent second = Borrow(*pair.accepting);
  EXPECT_EQ(Receive(*pair.accepting), text);
  pair.accepting->FlushDone();
  ASSERT_TRUE(first.lease.valid());
  second.lease.Reset();
  EXPECT_EQ(Fill(*pair.connecting, text), 0);  // the first holds all of it up
  first.lease.Reset();
  EXPECT_EQ(Fill(*pair.connecting, text), 3);
  for (int i = 0; i < fits; ++i) EXPECT_EQ(Receive(*pair.accepting), text);
}

TEST(LinkLendTest, AtMostHalfTheRing) {
  LinkPair pair;
  const std::string text(8192, 'x');
  std::vector<Lent> held;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Send(*pair.connecting, text));
    held.push_back(Borrow(*pair.accepting));
  }
  EXPECT_TRUE(held[0].lease.valid());
  EXPECT_FALSE(held[1].lease.valid());  // with its header it is more than half
  EXPECT_FALSE(held[2].lease.valid());
  // A refused one is copied and given back.
  held.clear();
  ASSERT_TRUE(Send(*pair.connecting, "last"));
  EXPECT_EQ(Receive(*pair.accepting), "last");
}

TEST(LinkLendTest, LeaseOutlivesTheLink) {
  const int mappings = SamehostMappings();
  Lent lent;
  {
    LinkPair pair;
    Send(*pair.connecting, "kept for long");
    lent = Borrow(*pair.accepting);
    ASSERT_TRUE(lent.lease.valid());
  }
  EXPECT_EQ(lent.text(), "kept for long");
  EXPECT_GT(SamehostMappings(), mappings);
  std::thread([&] { lent.lease.Reset(); }).join();
  EXPECT_EQ(SamehostMappings(), mappings);
}

TEST(LinkLendTest, ReturnRingsASenderThatSleepsForRoom) {
  LinkPair pair;
  const std::string text(8192, 'x');
  while (Send(*pair.connecting, text)) {
  }
  Lent lent = Borrow(*pair.accepting);
  pair.accepting->FlushDone();
  ASSERT_TRUE(pair.connecting->AwaitRoom(text.size()));
  ASSERT_TRUE(pair.connecting->ArmDoorbell());
  std::thread([&] { lent.lease.Reset(); }).join();
  pollfd entry = {pair.connecting->doorbell_fd(), POLLIN, 0};
  EXPECT_EQ(poll(&entry, 1, kWatchdogMillis), 1);
  EXPECT_TRUE(pair.connecting->HasRoom());
}

// Looks as a transport does until the sender can go on; the watchdog of the test is ctest's.
void ServeUntilRoom(LinkPair& pair) {
  Record record;
  while (!pair.connecting->HasRoom()) {
    if (pair.accepting->ArmDoorbell()) {
      pollfd entry = {pair.accepting->doorbell_fd(), POLLIN, 0};
      ASSERT_EQ(poll(&entry, 1, kWatchdogMillis), 1);
    }
    ASSERT_EQ(pair.accepting->Next(&record), Link::Take::kEmpty);
  }
}

TEST(LinkLendTest, AUserWhoKeepsAMessageDoesNotStopTheLink) {
  const int mappings = SamehostMappings();
  {
    LinkPair pair;
    std::vector<Lent> kept;
    uint64_t sent = 0;
    const auto number = [](uint64_t value) { return std::string(700, 'a' + value % 26); };
    for (int round = 0; round < 20; ++round) {
      ASSERT_TRUE(Send(*pair.connecting, number(sent++)));
      kept.push_back(Borrow(*pair.accepting));
      EXPECT_TRUE(kept.back().lease.valid());
      // The sender goes on until it is stopped by what is kept, then is let through.
      int passed = 0;
      while (Send(*pair.connecting, number(sent))) {
        ASSERT_EQ(Receive(*pair.accepting), number(sent));
        ++sent;
        ASSERT_LT(++passed, 1000);
      }
      ASSERT_EQ(Receive(*pair.accepting), "");
      ASSERT_TRUE(pair.connecting->AwaitRoom(700));
      ServeUntilRoom(pair);
      for (size_t i = 0; i < kept.size(); ++i) {
        const char first = kept[i].text()[0];
        ASSERT_EQ(kept[i].text(), std::string(700, first));
        ASSERT_TRUE(i != 0 || first == 'a');
      }
    }
    std::mt19937_64 random(1);
    std::shuffle(kept.begin(), kept.end(), random);
    kept.resize(5);
    pair.accepting.reset();
    EXPECT_GT(SamehostMappings(), mappings);
  }
  EXPECT_EQ(SamehostMappings(), mappings);
}

TEST(LinkLendTest, ASleepingConsumerIsWokenForItsLeases) {
  LinkPair pair;
  ASSERT_TRUE(Send(*pair.connecting, std::string(100, 'k')));
  Lent lent = Borrow(*pair.accepting);
  while (Send(*pair.connecting, std::string(1000, 'x'))) Receive(*pair.accepting);
  Receive(*pair.accepting);
  ASSERT_TRUE(pair.accepting->ArmDoorbell());  // nobody waits for room yet
  ASSERT_TRUE(pair.connecting->AwaitRoom(1000));
  pollfd entry = {pair.accepting->doorbell_fd(), POLLIN, 0};
  ASSERT_EQ(poll(&entry, 1, kWatchdogMillis), 1);
  ServeUntilRoom(pair);
  EXPECT_EQ(lent.text(), std::string(100, 'k'));
}

TEST(LinkLendTest, ForkedChildKeepsAndReturnsLeases) {
  LinkPair pair;
  Send(*pair.connecting, "for both");
  Lent lent = Borrow(*pair.accepting);
  Send(*pair.connecting, "next");
  Tamper words(pair.segment.get());
  const uint64_t tail = words.control(0).tail.load(std::memory_order_relaxed);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Record record;
    bool good = lent.text() == "for both";
    good &= pair.connecting->Reserve(5) == nullptr && pair.connecting->AwaitRoom(5);
    good &= pair.accepting->Next(&record) == Link::Take::kBroken;
    good &= pair.accepting->broken().code == ErrorCode::kRefused;
    good &= pair.accepting->ArmDoorbell() && !pair.accepting->OnSocketReadable().ok();
    pair.connecting->Commit(5);
    pair.connecting->Publish();
    pair.connecting->WantRingBytes(100000);
    pair.connecting->TrimIdle();
    pair.connecting->CountSleep();
    pair.accepting->SetWatch(Link::Watch::kAsleep);
    pair.accepting->FlushDone();
    pair.accepting->RingIfBusy();
    pair.accepting->Close();
    pair.connecting.reset();
    pair.accepting.reset();
    good &= lent.text() == "for both";
    lent.lease.Reset();
    _exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  // The child touched nothing.
  EXPECT_EQ(words.control(0).tail.load(std::memory_order_relaxed), tail);
  EXPECT_EQ(words.control(0).watch.load(std::memory_order_relaxed), 0u);
  EXPECT_EQ(pair.connecting->counters().sleeps, 0u);
  EXPECT_TRUE(pair.accepting->OnSocketReadable().ok());
  EXPECT_EQ(lent.text(), "for both");
  lent.lease.Reset();
  EXPECT_EQ(Receive(*pair.accepting), "next");
  EXPECT_TRUE(Send(*pair.accepting, "alive"));
  EXPECT_EQ(Receive(*pair.connecting), "alive");
}

TEST(LinkLendTest, ManyThreadsReturnWhileTrafficFlows) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  LinkPair pair;
  const Pattern pattern{seed, 4000};
  constexpr uint64_t kRecords = 20000;
  std::thread producer([&] {
    for (uint64_t i = 0; i < kRecords; ++i) {
      std::byte* place;
      while ((place = pair.connecting->Reserve(pattern.Size(i))) == nullptr) {
        if (!pair.connecting->AwaitRoom(pattern.Size(i))) continue;
        while (!pair.connecting->HasRoom()) std::this_thread::yield();
      }
      pattern.Fill(i, place, pattern.Size(i));
      pair.connecting->Commit(pattern.Size(i));
      pair.connecting->Publish();
    }
  });
  std::mutex mutex;
  std::vector<std::pair<Lent, uint64_t>> pool;
  std::atomic<bool> over{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> users;
  for (int t = 0; t < 2; ++t) {
    users.emplace_back([&] {
      while (!over.load(std::memory_order_acquire)) {
        std::pair<Lent, uint64_t> one;
        {
          std::lock_guard lock(mutex);
          if (!pool.empty()) {
            std::swap(pool[pool.size() / 2], pool.back());
            one = std::move(pool.back());
            pool.pop_back();
          }
        }
        if (!one.first.lease.valid()) {
          std::this_thread::yield();
        } else if (!pattern.Matches(one.second, one.first.bytes)) {
          ++wrong;
        }
      }
    });
  }
  uint64_t lent = 0;
  Record record;
  for (uint64_t i = 0; i < kRecords;) {
    if (pair.accepting->Next(&record) != Link::Take::kRecord) {
      while (!pair.accepting->HasInput() && !(pair.accepting->ArmDoorbell() == false)) {
        std::this_thread::yield();
      }
      continue;
    }
    Lease lease = pair.accepting->Lend(record);
    if (lease.valid()) {
      ++lent;
      std::lock_guard lock(mutex);
      pool.push_back({Lent{std::move(lease), record.bytes}, i});
    } else {
      if (!pattern.Matches(i, record.bytes)) ++wrong;
      pair.accepting->Done(record);
    }
    ++i;
  }
  over.store(true, std::memory_order_release);
  producer.join();
  for (std::thread& user : users) user.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_GT(lent, 0u);
}

}  // namespace
}  // namespace samehost::shm
