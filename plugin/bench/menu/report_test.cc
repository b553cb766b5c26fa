// What is made from measured figures: crossovers, advice, checks, table, CSV, page.
#include "plugin/bench/menu/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "plugin/bench/menu/check.h"
#include "plugin/bench/menu/csv.h"
#include "plugin/bench/menu/html.h"
#include "plugin/bench/menu/report_for_test.h"
#include "plugin/bench/menu/run_facts.h"
#include "plugin/bench/menu/table.h"

namespace samehost::bench::menu {
namespace {

using nlohmann::json;
using testing::HasSubstr;

TEST(Crossover, LiesWhereTheLinesCross) {
  // On logarithmic axes 10 -> 40 and 20 -> 20 cross halfway: at the geometric mean of the sizes.
  const json report =
      ReportForTest({RowForTest("pipe", {CellForTest(16, 10), CellForTest(1024, 40)}),
                     RowForTest("tcp", {CellForTest(16, 20), CellForTest(1024, 20)})});
  ASSERT_EQ(report.at("crossovers").size(), 1u);
  const json& crossing = report.at("crossovers")[0];
  EXPECT_EQ(crossing.at("faster_below"), "pipe");
  EXPECT_EQ(crossing.at("faster_above"), "tcp");
  EXPECT_NEAR(crossing.at("bytes").get<double>(), std::sqrt(16.0 * 1024.0), 3);
  EXPECT_TRUE(crossing.at("neighbours").get<bool>());
}

TEST(Crossover, NoneWhereOneIsAlwaysAheadOrTheyAreOnAPar) {
  EXPECT_TRUE(ReportForTest({RowForTest("pipe", {CellForTest(16, 10), CellForTest(1024, 15)}),
                             RowForTest("tcp", {CellForTest(16, 20), CellForTest(1024, 20)})})
                  .at("crossovers")
                  .empty());
  EXPECT_TRUE(ReportForTest({RowForTest("pipe", {CellForTest(16, 10), CellForTest(1024, 20.5)}),
                             RowForTest("tcp", {CellForTest(16, 20), CellForTest(1024, 20)})})
                  .at("crossovers")
                  .empty());
}

TEST(Crossover, AnEmptyMessageHasItsPlace) {
  const json report = ReportForTest({RowForTest("pipe", {CellForTest(0, 10), CellForTest(16, 40)}),
                                     RowForTest("tcp", {CellForTest(0, 20), CellForTest(16, 20)})},
                                    {0, 16});
  ASSERT_EQ(report.at("crossovers").size(), 1u);
  EXPECT_NEAR(report.at("crossovers")[0].at("bytes").get<double>(), 4, 0.1);  // between 1 and 16
}

TEST(Advice, PicksTheBestAndSaysByHowMuch) {
  const json report = ReportForTest(
      {RowForTest("pipe", {CellForTest(16, 10)}), RowForTest("tcp", {CellForTest(16, 25)})}, {16});
  ASSERT_FALSE(report.at("advice").empty());
  const json& first = report.at("advice")[0];
  EXPECT_EQ(first.at("pick"), "pipe");
  EXPECT_THAT(first.at("text").get<std::string>(), HasSubstr("2.5 times better"));
  EXPECT_THAT(first.at("text").get<std::string>(), HasSubstr("the tcp"));
}

TEST(Advice, LeavesSpinnersOutWhereTheyWouldBurn) {
  Row spinner = RowForTest("spinner", {CellForTest(16, 1)});
  spinner.mechanism.waiting = Waiting::kSpins;
  const json advice =
      ReportForTest({spinner, RowForTest("pipe", {CellForTest(16, 10)})}, {16}).at("advice");
  EXPECT_EQ(advice[0].at("pick"), "spinner");
  EXPECT_EQ(advice[1].at("pick"), "pipe");
}

json PinnedReport(Cell cell) {
  Options options;
  options.sizes = {16};
  options.placements = {Placement::kPinned};
  Cell wake_up = CellForTest(0, 30);
  wake_up.placement = cell.placement = Placement::kPinned;
  Row eventfd = RowForTest("eventfd", {wake_up});
  eventfd.mechanism.max_message = 0;
  return MakeReport(options, {eventfd, RowForTest("pipe", {cell})}, {});
}

TEST(Check, GoodFiguresAddUp) {
  EXPECT_EQ(PinnedReport(CellForTest(16, 32)).at("contradictions"), json::array());
}

TEST(Check, ASleeperCannotBeatTheWakeUp) {
  const json found = PinnedReport(CellForTest(16, 5)).at("contradictions");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].get<std::string>(), HasSubstr("less than the wake-ups alone"));
}

TEST(Check, ASleeperMustHaveSlept) {
  Cell cell = CellForTest(16, 32);
  cell.round_trips.sleeps = 10;
  const json found = PinnedReport(cell).at("contradictions");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].get<std::string>(), HasSubstr("slept only"));
}

TEST(Csv, HasALineForEachCellAndForWhatIsMissing) {
  Row missing = RowForTest("ucx", {});
  missing.mechanism.missing = "no \"shm\", says it";
  const std::string csv = ToCsv(
      ReportForTest({RowForTest("pipe", {CellForTest(16, 10), CellForTest(1024, 20)}), missing}));
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 4);
  EXPECT_THAT(csv, HasSubstr("\"no \"\"shm\"\", says it\""));
  EXPECT_THAT(csv, HasSubstr("pipe,the pipe,socket,sleeps,2,,unpinned,16,2000,"));
  // As many fields in each line, but for the quoted comma.
  const size_t commas = std::count(csv.begin(), csv.begin() + csv.find('\n'), ',');
  EXPECT_EQ(std::count(csv.begin(), csv.end(), ','), 4 * static_cast<long>(commas) + 1);
}

json BusyReport() {
  Options options;
  options.sizes = {16};
  options.background_load = 3;
  Circumstances circumstances{.seconds = 1, .stolen_percent = 12.5};
  circumstances.machine["load_average"] = "7.25 6.50 5.75 2/100 4242";
  circumstances.machine["cpu"] = "<Cores & more>";
  return MakeReport(options, {RowForTest("pipe", {CellForTest(16, 10)})}, circumstances);
}

std::string TableOf(const json& report) {
  char* text = nullptr;
  size_t size = 0;
  std::FILE* out = open_memstream(&text, &size);
  PrintTables(out, report);
  std::fclose(out);
  std::string table(text, size);
  std::free(text);
  return table;
}

TEST(RunFacts, NameWhatElseKeptTheMachineBusy) {
  const std::vector<std::string> facts = RunFacts(BusyReport());
  EXPECT_THAT(facts, testing::Contains(AllOf(HasSubstr("7.25 6.50 5.75"),
                                             HasSubstr("3 CPU-bound processes"),
                                             HasSubstr("took 12.5 % of the CPUs"))));
}

TEST(RunFacts, StandInTheTableAndOnThePage) {
  const json report = BusyReport();
  const std::string table = TableOf(report), page = ToHtml(report);
  for (const std::string& fact : RunFacts(report)) {
    EXPECT_THAT(table, HasSubstr(fact));
    if (fact.find('<') != std::string::npos) continue;  // below
    EXPECT_THAT(page, HasSubstr("<li>" + fact + "</li>"));
  }
  EXPECT_THAT(page, HasSubstr("<li>&lt;Cores &amp; more&gt;, "));
}

TEST(RunFacts, OfAReportThatKnowsNoBackgroundLoad) {
  json report = BusyReport();
  report["options"].erase("background_load");
  for (const std::string& fact : RunFacts(report)) {
    EXPECT_EQ(fact.find("CPU-bound"), std::string::npos) << fact;
  }
}

TEST(Html, HoldsEverythingAndAsksNobody) {
  Row row = RowForTest("pipe", {CellForTest(16, 10)});
  row.mechanism.title = "</script><b>&";
  const std::string page = ToHtml(ReportForTest({row}, {16}));
  EXPECT_EQ(page.find("</script><b>"), std::string::npos) << "a title ended the script";
  for (const char* mark : {"PLOTS", "/*STYLE*/", "<!--FACTS-->", "/*CHART*/", "/*REPORT*/",
                           "/*SCRIPT*/", " src=", "@import"}) {
    EXPECT_EQ(page.find(mark), std::string::npos) << mark;
  }
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
}

}  // namespace
}  // namespace samehost::bench::menu
