#include "plugin/bench/verdict.h"

#include <gtest/gtest.h>

namespace samehost::bench {
namespace {

using Kind = Target::Kind;

Row MakeRow(Transport transport, uint32_t latency_ns, uint64_t operations, double cpu_seconds) {
  Row row;
  row.transport = transport;
  row.samples = Samples(std::vector<uint32_t>(200, latency_ns));
  row.operations = operations;
  row.seconds = 1;
  row.round_rates = {static_cast<double>(operations)};
  row.cpu_seconds = cpu_seconds;
  return row;
}

Verdict JudgeOne(Target target, Row ours) {
  Case what{.name = "case", .targets = {target}};
  CaseResult result{&what, {}};
  result.rows.push_back(MakeRow(Transport::kStockUnix, 60'000, 1000, 0.1));
  result.rows.push_back(MakeRow(Transport::kInProcess, 20'000, 1000, 0.1));
  result.rows.push_back(std::move(ours));
  return Judge(result).at(0);
}

TEST(Verdict, P50TimesLower) {
  const Target target{Kind::kP50TimesLower, 6};
  EXPECT_TRUE(JudgeOne(target, MakeRow(Transport::kSamehost, 10'000, 1, 1)).met);
  EXPECT_FALSE(JudgeOne(target, MakeRow(Transport::kSamehost, 10'100, 1, 1)).met);
}

TEST(Verdict, RateTimes) {
  const Target target{Kind::kRateTimes, 1.5};
  EXPECT_TRUE(JudgeOne(target, MakeRow(Transport::kSamehost, 1, 1500, 1)).met);
  EXPECT_FALSE(JudgeOne(target, MakeRow(Transport::kSamehost, 1, 1499, 1)).met);
}

TEST(Verdict, CpuIsPerOperation) {
  const Target target{Kind::kCpuRatio, 0.6};
  EXPECT_TRUE(JudgeOne(target, MakeRow(Transport::kSamehost, 1, 2000, 0.11)).met);
  EXPECT_FALSE(JudgeOne(target, MakeRow(Transport::kSamehost, 1, 1000, 0.07)).met);
}

TEST(Verdict, P99AndInProcess) {
  EXPECT_TRUE(JudgeOne({Kind::kP99Ratio, 1}, MakeRow(Transport::kSamehost, 60'000, 1, 1)).met);
  EXPECT_FALSE(JudgeOne({Kind::kP99Ratio, 1}, MakeRow(Transport::kSamehost, 60'001, 1, 1)).met);
  EXPECT_FALSE(
      JudgeOne({Kind::kP50RatioToInProcess, 1}, MakeRow(Transport::kSamehost, 20'001, 1, 1)).met);
}

TEST(Verdict, IdleMemoryIsTheLargerOfBothAccounts) {
  Row row = MakeRow(Transport::kSamehost, 1, 1, 1);
  row.segment_kib = 100;
  row.growth_kib = 600;
  EXPECT_FALSE(JudgeOne({Kind::kIdleMemoryKib, 512}, row).met);
  row.growth_kib = 90;
  EXPECT_TRUE(JudgeOne({Kind::kIdleMemoryKib, 512}, row).met);
}

TEST(Verdict, TheBareLinkBringsItsBounds) {
  Case what{.name = "link", .kind = CaseKind::kBareLink};
  CaseResult result{.what = &what};
  EXPECT_TRUE(Judge(result).empty());
  result.link_report = nlohmann::json::parse(R"({"ratios": [
      {"row": "a", "base": "b", "ratio": 1.4, "at_most": 1.5},
      {"row": "c", "base": "d", "ratio": 0.6, "at_least": 0.7}]})");
  const std::vector<Verdict> verdicts = Judge(result);
  ASSERT_EQ(verdicts.size(), 2u);
  EXPECT_TRUE(verdicts[0].met);
  EXPECT_FALSE(verdicts[1].met);
}

TEST(Verdict, NothingIsClaimedWithoutTheRowOrEnoughSamples) {
  Row few = MakeRow(Transport::kSamehost, 1, 1, 1);
  few.samples = Samples(std::vector<uint32_t>(50, 1));
  EXPECT_FALSE(JudgeOne({Kind::kP99Ratio, 1}, few).known);
  EXPECT_FALSE(JudgeOne({Kind::kP50TimesLower, 6}, MakeRow(Transport::kStockTcp, 1, 1, 1)).known);
}

}  // namespace
}  // namespace samehost::bench
