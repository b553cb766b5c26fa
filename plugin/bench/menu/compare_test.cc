#include "plugin/bench/menu/compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "plugin/bench/bench_failure.h"
#include "plugin/bench/menu/report_for_test.h"

namespace samehost::bench::menu {
namespace {

nlohmann::json Report(double pipe_us, double spread = 0.02) {
  return ReportForTest({RowForTest("pipe", {CellForTest(16, pipe_us, spread)}),
                        RowForTest("tcp", {CellForTest(16, 40, spread)})});
}

TEST(Compare, EqualRunsAreSilent) {
  const Comparison found = Compare(Report(20), Report(20));
  EXPECT_TRUE(found.slower.empty());
  EXPECT_TRUE(found.faster.empty());
  EXPECT_EQ(found.compared, 4u);
}

// Ten rounds of noise, as a machine has it: most of them a little off, some far.
Cell NoisyCell(uint64_t size, double us, std::mt19937& random) {
  Cell cell = CellForTest(size, us);
  std::normal_distribution<double> little(0, 0.15);
  std::exponential_distribution<double> far(2);
  for (size_t round = 0; round < cell.round_trips.round_p50_us.size(); ++round) {
    const double own = us * std::exp(little(random) + (random() % 5 == 0 ? far(random) : 0));
    cell.round_trips.round_p50_us[round] = own;
    cell.one_way.round_rates[round] = 1e6 / own;
  }
  return cell;
}

TEST(Compare, NoiseIsNoChange) {
  constexpr int kFigures = 2000;
  std::mt19937 random(7);  // always the same, or the allowance below would have to be larger
  std::vector<Cell> before, after;
  for (uint64_t size = 1; size <= kFigures / 2; ++size) {
    before.push_back(NoisyCell(size, 20, random));
    after.push_back(NoisyCell(size, 20, random));
  }
  const Comparison found = Compare(ReportForTest({RowForTest("pipe", before)}),
                                   ReportForTest({RowForTest("pipe", after)}));
  EXPECT_EQ(found.compared, static_cast<size_t>(kFigures));
  // In the menu's 500 figures, less than one.
  EXPECT_LE(found.slower.size() + found.faster.size(), kFigures / 500u);
}

TEST(Compare, FindsAPlantedSlowdownOfAFifth) {
  const Comparison found = Compare(Report(20), Report(24));
  ASSERT_EQ(found.slower.size(), 2u);
  for (const Change& change : found.slower) {
    EXPECT_EQ(change.what.rfind("pipe, 16 B, unpinned", 0), 0u) << change.what;
    EXPECT_NEAR(change.slower, 1.2, 0.01);
  }
  EXPECT_TRUE(found.faster.empty());
}

TEST(Compare, TheOtherWayRoundIsFaster) {
  const Comparison found = Compare(Report(24), Report(20));
  EXPECT_TRUE(found.slower.empty());
  EXPECT_EQ(found.faster.size(), 2u);
}

TEST(Compare, WhatLiesWithinTheNoiseIsNoChange) {
  EXPECT_TRUE(Compare(Report(20, 0.5), Report(24, 0.5)).slower.empty());
  EXPECT_TRUE(Compare(Report(20), Report(21)).slower.empty());
}

TEST(Compare, NamesWhatIsGone) {
  Row gone = RowForTest("pipe", {});
  gone.mechanism.missing = "it failed";
  const auto after = ReportForTest({gone, RowForTest("tcp", {CellForTest(16, 40)})});
  EXPECT_EQ(Compare(Report(20), after).gone, std::vector<std::string>{"pipe"});
}

TEST(Compare, RefusesOtherJson) {
  EXPECT_THROW(Compare(Report(20), {{"schema", 1}}), BenchFailure);
  EXPECT_THROW(Compare(nlohmann::json::array(), Report(20)), BenchFailure);
}

}  // namespace
}  // namespace samehost::bench::menu
