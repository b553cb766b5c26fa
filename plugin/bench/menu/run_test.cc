// `samehost-bench menu` and `compare` as a user starts them, with tiny loads: what they write is
// valid, complete and adds up. Says nothing about speed.
#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "plugin/bench/menu/catalog.h"
#include "plugin/bench/menu/report_for_test.h"
#include "plugin/bench/temporary_directory.h"

namespace samehost::bench::menu {
namespace {

using nlohmann::json;

std::string ReadFile(const std::string& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

json ReadJson(const std::string& file) { return json::parse(ReadFile(file)); }

// Empty when `report` is as the schema says.
std::string Violation(const json& report) {
  rapidjson::Document schema_text, target;
  schema_text.Parse(ReadFile(SAMEHOST_MENU_SCHEMA).c_str());
  target.Parse(report.dump().c_str());
  if (schema_text.HasParseError() || target.HasParseError()) return "not JSON";
  const rapidjson::SchemaDocument schema(schema_text);
  rapidjson::SchemaValidator validator(schema);
  if (target.Accept(validator)) return {};
  rapidjson::StringBuffer where;
  validator.GetInvalidDocumentPointer().StringifyUriFragment(where);
  return std::string(where.GetString()) + " breaks \"" + validator.GetInvalidSchemaKeyword() + "\"";
}

int Bench(const std::string& arguments) {
  const std::string line = std::string(SAMEHOST_BENCH_PROGRAM) + " " + arguments + " > /dev/null";
  const int status = std::system(line.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class MenuRun : public testing::Test {
 protected:
  std::string File(const std::string& name) const { return directory_.path() + "/" + name; }
  TemporaryDirectory directory_;
};

TEST_F(MenuRun, EveryMechanismHasARowAndTheReportIsValid) {
  ASSERT_EQ(Bench("menu --seconds 0.002 --rounds 2 --sizes 16,70000 --json " + File("r.json") +
                  " --csv " + File("r.csv") + " --html " + File("r.html")),
            0);
  const json report = ReadJson(File("r.json"));
  EXPECT_EQ(Violation(report), "");
  std::set<std::string> rows;
  for (const json& mechanism : report.at("mechanisms")) {
    rows.insert(mechanism.at("name"));
    if (!mechanism.at("available").get<bool>()) {
      EXPECT_NE(mechanism.at("why_not"), "");
      continue;
    }
    const size_t sizes = mechanism.contains("carries_bytes") ? 1 : 2;
    EXPECT_EQ(mechanism.at("cells").size(), 2 * sizes) << mechanism.at("name");
  }
  for (const Mechanism& mechanism : Catalog()) {
    EXPECT_EQ(rows.count(mechanism.name), 1u) << mechanism.name;
    // What this build has must have been measured: nothing may slip into "not available".
    if (!mechanism.missing.empty()) continue;
    for (const json& row : report.at("mechanisms")) {
      if (row.at("name") == mechanism.name) {
        EXPECT_TRUE(row.at("available").get<bool>()) << row;
      }
    }
  }
  EXPECT_NE(ReadFile(File("r.csv")).find("\nunix_stream,"), std::string::npos);
  EXPECT_NE(ReadFile(File("r.html")).find("</html>"), std::string::npos);
}

TEST_F(MenuRun, FiguresAddUp) {
  ASSERT_EQ(Bench("menu --only eventfd,pipe,unix_stream,shm_semaphore,shm_ring_doorbell --sizes 16 "
                  "--seconds 0.1 --rounds 10 --json " +
                  File("r.json")),
            0);
  const json report = ReadJson(File("r.json"));
  EXPECT_EQ(report.at("contradictions"), json::array());
  for (const json& mechanism : report.at("mechanisms")) {
    for (const json& cell : mechanism.at("cells")) {
      if (cell.contains("system_calls_per_message")) {
        // Whoever sleeps calls the kernel, to sleep and to be woken.
        EXPECT_GT(cell.at("system_calls_per_message"), 0.9) << mechanism.at("name");
      }
    }
  }
}

TEST_F(MenuRun, CompareFindsWhatWasPlantedAndNothingElse) {
  std::ofstream(File("old.json")) << ReportForTest({RowForTest("pipe", {CellForTest(16, 20)})});
  std::ofstream(File("new.json")) << ReportForTest({RowForTest("pipe", {CellForTest(16, 24)})});
  EXPECT_EQ(Bench("compare " + File("old.json") + " " + File("old.json")), 0);
  EXPECT_EQ(Bench("compare " + File("old.json") + " " + File("new.json")), 4);
  EXPECT_EQ(Bench("compare " + File("new.json") + " " + File("old.json")), 0);
  EXPECT_EQ(Bench("compare " + File("old.json") + " " + File("nowhere.json") + " 2> /dev/null"), 1);
}

TEST(Schema, RefusesWhatIsWrong) {
  const json good = ReportForTest({RowForTest("pipe", {CellForTest(16, 20)})});
  EXPECT_EQ(Violation(good), "");
  json without_reason = good;
  without_reason["mechanisms"][0]["available"] = false;
  EXPECT_NE(Violation(without_reason), "");
  json without_median = good;
  without_median["mechanisms"][0]["cells"][0]["round_trip"]["p50_us"] = "20";
  EXPECT_NE(Violation(without_median), "");
  json of_the_future = good;
  of_the_future["schema"] = 2;
  EXPECT_NE(Violation(of_the_future), "");
}

}  // namespace
}  // namespace samehost::bench::menu
