#include "plugin/bench/ratios.h"

#include <gtest/gtest.h>

#include <map>

namespace samehost::bench {
namespace {

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

std::map<std::string, double> RatiosOf(const Case& what, std::vector<Row> rows) {
  std::map<std::string, double> found;
  for (const Ratio& ratio : Ratios({&what, std::move(rows)})) found[ratio.name] = ratio.value;
  return found;
}

TEST(Ratios, OfALoadSayHowManyTimesBetterOrWhichShareItTakes) {
  const auto ratios =
      RatiosOf({.name = "case"}, {MakeRow(Transport::kStockUnix, 60'000, 1000, 0.1),
                                  MakeRow(Transport::kInProcess, 20'000, 1000, 0.1),
                                  MakeRow(Transport::kSamehost, 10'000, 4000, 0.1)});
  EXPECT_EQ(ratios.size(), 5u);
  EXPECT_DOUBLE_EQ(ratios.at("p50_times_lower"), 6);
  EXPECT_DOUBLE_EQ(ratios.at("p99_times_lower"), 6);
  EXPECT_DOUBLE_EQ(ratios.at("rate_times"), 4);
  EXPECT_DOUBLE_EQ(ratios.at("cpu_of_stock"), 0.25);  // per operation
  EXPECT_DOUBLE_EQ(ratios.at("p50_of_in_process"), 0.5);
}

TEST(Ratios, NothingIsSaidWithoutTheRowOrEnoughSamples) {
  const Row unix_row = MakeRow(Transport::kStockUnix, 60'000, 1000, 0.1);
  EXPECT_TRUE(RatiosOf({}, {unix_row, MakeRow(Transport::kStockTcp, 1, 1, 1)}).empty());
  EXPECT_TRUE(RatiosOf({}, {MakeRow(Transport::kSamehost, 1, 1, 1)}).empty());
  Row few = MakeRow(Transport::kSamehost, 1, 1, 1);
  few.samples = Samples(std::vector<uint32_t>(50, 1));
  EXPECT_EQ(RatiosOf({}, {unix_row, few}).count("p99_times_lower"), 0u);
}

TEST(Ratios, OfAnIdleConnectionTheLargerAccountOfItsMemoryCounts) {
  const Case idle{.name = "idle", .kind = CaseKind::kIdle};
  Row stock;
  stock.transport = Transport::kStockUnix;
  stock.idle_cpu_percent = 0.25;
  Row ours;
  ours.transport = Transport::kSamehost;
  ours.idle_cpu_percent = 0.5;
  ours.segment_kib = 100;
  ours.growth_kib = 600;
  const auto figures = RatiosOf(idle, {stock, ours});
  EXPECT_DOUBLE_EQ(figures.at("idle_cpu_above_stock_percent"), 0.25);
  EXPECT_DOUBLE_EQ(figures.at("connection_kib"), 600);
  ours.idle_cpu_percent = 0.125;
  EXPECT_DOUBLE_EQ(RatiosOf(idle, {stock, ours}).at("idle_cpu_above_stock_percent"), 0);
  EXPECT_EQ(RatiosOf(idle, {ours}).count("idle_cpu_above_stock_percent"), 0u);
}

}  // namespace
}  // namespace samehost::bench
