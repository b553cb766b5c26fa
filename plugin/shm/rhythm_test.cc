#include "plugin/shm/rhythm.h"

#include <gtest/gtest.h>

#include <random>

namespace samehost::shm {
namespace {

constexpr uint64_t kMicrosecond = 1000;
constexpr uint64_t kStart = 1'000'000'000;

// `count` arrivals every `interval`, each off by up to `jitter`; how many of the last half fell
// into the window that was foreseen.
double FractionForeseen(Rhythm& rhythm, uint64_t interval, uint64_t jitter, int count) {
  std::mt19937_64 random(20261123);
  std::uniform_int_distribution<uint64_t> off(0, 2 * jitter);
  int foreseen = 0;
  for (int i = 0; i < count; ++i) {
    const uint64_t at = kStart + i * interval + off(random);
    const auto window = rhythm.Next();
    if (i >= count / 2 && window && window->begin <= at && at <= window->end) ++foreseen;
    rhythm.NoteArrival(at);
  }
  return static_cast<double>(foreseen) / (count - count / 2);
}

TEST(RhythmTest, NoneAtFirst) {
  Rhythm rhythm;
  EXPECT_FALSE(rhythm.Next().has_value());
  EXPECT_EQ(rhythm.interval(), 0u);
  rhythm.NoteArrival(kStart);
  rhythm.NoteArrival(kStart + 500 * kMicrosecond);
  EXPECT_FALSE(rhythm.Next().has_value());
}

TEST(RhythmTest, ExactBeat) {
  for (uint64_t interval : {200u, 500u, 1000u, 10'000u, 33'333u, 50'000u}) {
    Rhythm rhythm;
    EXPECT_EQ(FractionForeseen(rhythm, interval * kMicrosecond, 0, 200), 1.0) << interval;
    EXPECT_EQ(rhythm.interval(), interval * kMicrosecond);
  }
}

TEST(RhythmTest, BeatWithJitter) {
  for (uint64_t jitter : {5u, 20u, 35u}) {
    Rhythm rhythm;
    EXPECT_GT(FractionForeseen(rhythm, 500 * kMicrosecond, jitter * kMicrosecond, 2000), 0.9)
        << jitter;
  }
}

TEST(RhythmTest, TooLooseABeatIsNone) {
  Rhythm rhythm;
  FractionForeseen(rhythm, 500 * kMicrosecond, 110 * kMicrosecond, 2000);
  EXPECT_FALSE(rhythm.Next().has_value());
}

TEST(RhythmTest, ArrivalsThatAreHeldUpNowAndThenDoNotWidenTheWindow) {
  Rhythm rhythm;
  std::mt19937_64 random(20261123);
  std::uniform_int_distribution<uint64_t> off(0, 10 * kMicrosecond);
  int foreseen = 0;
  for (int i = 0; i < 2000; ++i) {
    const uint64_t at = kStart + i * 500 * kMicrosecond + off(random);
    const bool held_up = i % 20 == 19;
    const auto window = rhythm.Next();
    if (i >= 1000 && !held_up && window && window->begin <= at && at <= window->end &&
        window->end - window->begin < 100 * kMicrosecond) {
      ++foreseen;
    }
    rhythm.NoteArrival(at + (held_up ? 100 * kMicrosecond : 0));
  }
  EXPECT_GT(foreseen, 900);
}

TEST(RhythmTest, TheWindowIsNarrowWhereTheBeatIsExact) {
  Rhythm rhythm;
  FractionForeseen(rhythm, 500 * kMicrosecond, 0, 200);
  const auto window = rhythm.Next();
  ASSERT_TRUE(window.has_value());
  EXPECT_LT(window->end - window->begin, 50 * kMicrosecond);
}

TEST(RhythmTest, NoBeatInIrregularArrivals) {
  std::mt19937_64 random(20261123);
  std::exponential_distribution<double> gap(1.0 / (500.0 * kMicrosecond));
  Rhythm rhythm;
  uint64_t at = kStart;
  int foreseen = 0;
  for (int i = 0; i < 2000; ++i) {
    at += static_cast<uint64_t>(gap(random));
    rhythm.NoteArrival(at);
    foreseen += rhythm.Next().has_value();
  }
  EXPECT_LT(foreseen, 100);
}

TEST(RhythmTest, TooFastAndTooSlowAreNone) {
  for (uint64_t interval : {30u, 150u, 60'000u, 1'000'000u}) {
    Rhythm rhythm;
    FractionForeseen(rhythm, interval * kMicrosecond, 0, 200);
    EXPECT_FALSE(rhythm.Next().has_value()) << interval;
  }
}

TEST(RhythmTest, SeveralRecordsAreOneArrival) {
  Rhythm rhythm;
  for (int i = 0; i < 100; ++i) {
    for (int j = 0; j < 3; ++j) {
      rhythm.NoteArrival(kStart + i * 1000 * kMicrosecond + j * 20 * kMicrosecond);
    }
  }
  EXPECT_EQ(rhythm.interval(), 1000 * kMicrosecond);
}

TEST(RhythmTest, ASkippedBeatAndALateArrivalDoNotEndIt) {
  Rhythm rhythm;
  for (int i = 0; i < 100; ++i) rhythm.NoteArrival(kStart + i * 500 * kMicrosecond);
  rhythm.NoteArrival(kStart + 102 * 500 * kMicrosecond);
  EXPECT_TRUE(rhythm.Next().has_value());
  rhythm.NoteArrival(kStart + 103 * 500 * kMicrosecond + 200 * kMicrosecond);
  for (int i = 104; i < 110; ++i) rhythm.NoteArrival(kStart + i * 500 * kMicrosecond);
  ASSERT_TRUE(rhythm.Next().has_value());
  EXPECT_LE(rhythm.Next()->begin, kStart + 110 * 500 * kMicrosecond);
  EXPECT_GE(rhythm.Next()->end, kStart + 110 * 500 * kMicrosecond);
}

TEST(RhythmTest, AnotherBeatIsLearnt) {
  Rhythm rhythm;
  for (int i = 0; i < 100; ++i) rhythm.NoteArrival(kStart + i * 500 * kMicrosecond);
  const uint64_t later = kStart + 1'000'000 * kMicrosecond;
  for (int i = 0; i < 100; ++i) rhythm.NoteArrival(later + i * 700 * kMicrosecond);
  EXPECT_EQ(rhythm.interval(), 700 * kMicrosecond);
}

TEST(RhythmTest, TimeThatGoesBackIsIgnored) {
  Rhythm rhythm;
  for (int i = 0; i < 100; ++i) {
    rhythm.NoteArrival(kStart + i * 500 * kMicrosecond);
    rhythm.NoteArrival(kStart + i * 500 * kMicrosecond - 10 * kMicrosecond);
  }
  EXPECT_EQ(rhythm.interval(), 500 * kMicrosecond);
}

}  // namespace
}  // namespace samehost::shm
