#include "plugin/bench/menu/compare.h"

#include <gtest/gtest.h>

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
