#include "plugin/base/yielder.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <thread>

namespace samehost {
namespace {

constexpr uint64_t kForNobody = 300;
constexpr uint64_t kShort = 50'000;
constexpr uint64_t kLong = 3'000'000;

TEST(Yielder, SaysForHowLongOthersRan) {
  Yielder yielder;
  EXPECT_EQ(yielder.Note(kShort), kShort - Yielder::kSwitch);
  EXPECT_TRUE(yielder.crowded());
  EXPECT_EQ(yielder.Note(kForNobody), 0u);
  EXPECT_FALSE(yielder.crowded());
}

TEST(Yielder, OneLongYieldIsAnAccident) {
  Yielder yielder;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(yielder.BeginLook());
    yielder.Note(i % 100 == 0 ? kLong : kShort);
    ASSERT_TRUE(yielder.Allowed());
  }
}

TEST(Yielder, BesideAHogLooksDoWithout) {
  Yielder yielder;
  int hogged = 0;
  for (int i = 0; i < 10'000; ++i) {
    if (!yielder.BeginLook()) continue;
    yielder.Note(kShort);  // the peer ran
    yielder.Note(kLong);
    ++hogged;
  }
  EXPECT_GT(hogged, 2);  // it is tried now and then
  EXPECT_LT(hogged, 20);
  EXPECT_FALSE(yielder.Allowed());
}

TEST(Yielder, WhenTheHogHasGoneAllIsAsBefore) {
  Yielder yielder;
  for (int i = 0; i < 10'000; ++i) {
    if (yielder.BeginLook()) yielder.Note(kLong);
  }
  for (int i = 0; i < 10'000; ++i) {
    if (yielder.BeginLook()) yielder.Note(kShort);
  }
  EXPECT_TRUE(yielder.BeginLook());
  yielder.Note(kLong);
  EXPECT_TRUE(yielder.Allowed());
  // And the next hog is left alone for a few looks at first.
  yielder.Note(kLong);
  int without = 0;
  while (!yielder.BeginLook()) ++without;
  EXPECT_GT(without, 0);
  EXPECT_LT(without, 100);
}

TEST(Yielder, NoticesWhoSharesTheProcessor) {
  std::atomic<bool> stop{false};
  bool crowded = false;
  std::thread looks([&] {
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<size_t>(sched_getcpu()), &here);
    if (sched_setaffinity(0, sizeof(here), &here) != 0) return;
    // A thread inherits the affinity of the one that made it.
    std::thread other([&] {
      while (!stop.load(std::memory_order_relaxed)) sched_yield();
    });
    Yielder yielder;
    while (!yielder.crowded()) yielder.Yield();
    crowded = true;
    stop.store(true, std::memory_order_relaxed);
    other.join();
  });
  looks.join();
  EXPECT_TRUE(crowded);
}

}  // namespace
}  // namespace samehost
