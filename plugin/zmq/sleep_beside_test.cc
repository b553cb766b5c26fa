// Where a thread sleeps: narrowed for as long as it helps, and always back as it was.
#include "plugin/zmq/sleep_beside.h"

#include <gtest/gtest.h>

#include <optional>

namespace samehost::zmq_transport {
namespace {

constexpr uint64_t kLate = 50'000, kSoon = 3'000;  // nanoseconds

cpu_set_t Affinity() {
  cpu_set_t set;
  EXPECT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
  return set;
}

class SleepBesideTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (CPU_COUNT(&own_) < 2) GTEST_SKIP() << "with one processor there is nothing to choose";
    while (!CPU_ISSET(processor_, &own_)) ++processor_;
  }
  void TearDown() override { sched_setaffinity(0, sizeof(own_), &own_); }

  // The processor that a sleep was confined to.
  std::optional<int> Sleep() {
    beside_.Begin();
    const cpu_set_t during = Affinity();
    beside_.End();
    if (CPU_COUNT(&during) != 1) return std::nullopt;
    int only = 0;
    while (!CPU_ISSET(only, &during)) ++only;
    return only;
  }
  // The smaller number of the two: this thread's own is never below the first that it may use.
  void Wake(uint64_t late, int count, bool alternating = true) {
    for (int i = 0; i < count; ++i) beside_.NoteWake(late, processor_, alternating);
  }

  const cpu_set_t own_ = Affinity();
  int processor_ = 0;
  SleepBeside beside_;
};

TEST_F(SleepBesideTest, NarrowsAfterLateWakesAndGoesBack) {
  EXPECT_EQ(Sleep(), std::nullopt);
  Wake(kLate, 20);
  EXPECT_EQ(Sleep(), processor_);
  const cpu_set_t after = Affinity();
  EXPECT_TRUE(CPU_EQUAL(&after, &own_));
  Wake(kSoon, 1000);
  EXPECT_EQ(Sleep(), processor_);
}

TEST_F(SleepBesideTest, LeavesAlone) {
  Wake(kSoon, 100);
  EXPECT_EQ(Sleep(), std::nullopt) << "wakes are soon enough";
  Wake(kLate, 100, /*alternating=*/false);
  EXPECT_EQ(Sleep(), std::nullopt) << "a stream in one direction";
  for (int i = 0; i < 100; ++i) beside_.NoteWake(kLate, -1, true);
  EXPECT_EQ(Sleep(), std::nullopt) << "a peer that does not say where it is";
  for (int i = 0; i < 100; ++i) beside_.NoteWake(kLate, 1 << 30, true);
  EXPECT_EQ(Sleep(), std::nullopt) << "a peer that lies";
}

TEST_F(SleepBesideTest, GivesUpWhereItDoesNotHelp) {
  Wake(kLate, 8);
  ASSERT_EQ(Sleep(), processor_);
  Wake(kLate, 40);
  EXPECT_EQ(Sleep(), std::nullopt);
  // Each time for longer.
  const auto wakes_until_next = [&] {
    int wakes = 0;
    while (wakes < 100'000 && Sleep() == std::nullopt) {
      Wake(kLate, 1);
      ++wakes;
    }
    Wake(kLate, 40);
    return wakes;
  };
  const int first = wakes_until_next();
  EXPECT_GT(first, 0);
  EXPECT_GT(wakes_until_next(), first);
}

TEST_F(SleepBesideTest, AnAffinitySetMeanwhileStays) {
  Wake(kLate, 8);
  cpu_set_t two = {};
  int other = processor_ + 1;
  while (!CPU_ISSET(other, &own_)) ++other;
  CPU_SET(other, &two);
  beside_.Begin();
  ASSERT_EQ(sched_setaffinity(0, sizeof(two), &two), 0);
  beside_.End();
  const cpu_set_t after = Affinity();
  EXPECT_TRUE(CPU_EQUAL(&after, &two));
}

}  // namespace
}  // namespace samehost::zmq_transport
