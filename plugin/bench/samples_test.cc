#include "plugin/bench/samples.h"

#include <gtest/gtest.h>

namespace samehost::bench {
namespace {

Samples OneTo(int last) {
  Samples samples;
  for (int i = last; i >= 1; --i) samples.Add(i);
  return samples;
}

TEST(Samples, NearestRank) {
  EXPECT_EQ(OneTo(100).Percentile(0.5), 50);
  EXPECT_EQ(OneTo(100).Percentile(0.99), 99);
  EXPECT_EQ(OneTo(1000).Percentile(0.999), 999);
  EXPECT_EQ(OneTo(101).Percentile(0.5), 51);
}

TEST(Samples, TooFewToTell) {
  EXPECT_LT(Samples().Percentile(0.5), 0);
  EXPECT_LT(OneTo(1).Percentile(0.5), 0);
  EXPECT_LT(OneTo(99).Percentile(0.99), 0);
  EXPECT_LT(OneTo(999).Percentile(0.999), 0);
}

TEST(Samples, MergeKeepsEverySample) {
  Samples merged = OneTo(50);
  merged.Merge(OneTo(50));
  EXPECT_EQ(merged.count(), 100u);
  EXPECT_EQ(merged.Percentile(0.99), 50);
}

TEST(Samples, SaturatesInsteadOfWrapping) {
  Samples samples;
  samples.Add(uint64_t{5'000'000'000});
  samples.Add(uint64_t{5'000'000'000});
  EXPECT_EQ(samples.Percentile(0.5), UINT32_MAX);
}

TEST(Samples, LongestAndCountOver) {
  EXPECT_EQ(Samples().Longest(), 0u);
  EXPECT_EQ(OneTo(100).Longest(), 100u);
  EXPECT_EQ(OneTo(100).CountOver(98), 2u);
}

}  // namespace
}  // namespace samehost::bench
