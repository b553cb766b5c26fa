// The report of a run as JSON, as report.schema.json describes it: what the table, the CSV file,
// the HTML page and `compare` are made from. Pure, but for the machine's facts.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_REPORT_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_REPORT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "plugin/bench/machine_facts.h"
#include "plugin/bench/menu/catalog.h"
#include "plugin/bench/menu/measured.h"
#include "plugin/bench/menu/options.h"

namespace samehost::bench::menu {

struct Row {
  Mechanism mechanism;
  std::vector<Cell> cells;  // none when it was not available
};

struct Circumstances {
  nlohmann::json machine = MachineFacts();  // before the run: its load is not the run's own
  double seconds = 0;                       // the whole run
  double stolen_percent = 0;                // of all CPU time, by the hypervisor
  std::string no_system_calls{};            // why they were not counted; empty if they were
};

nlohmann::json MakeReport(const Options& options, const std::vector<Row>& rows,
                          const Circumstances& circumstances);

// The cell of a mechanism of the report; null if there is none.
const nlohmann::json* FindCell(const nlohmann::json& mechanism, const std::string& placement,
                               uint64_t size);
// A field of an object somewhere below, or -1 when it is missing: Figure(cell, "round_trip",
// "p50_us").
double Figure(const nlohmann::json& object, const char* part, const char* field);
// A ratio of times below this one tells nothing.
inline constexpr double kTelling = 1.1;

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_REPORT_H_
