// Made-up reports of the menu, for the tests of what is made from them.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_REPORT_FOR_TEST_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_REPORT_FOR_TEST_H_

#include <string>
#include <vector>

#include "plugin/bench/menu/report.h"

namespace samehost::bench::menu {

// A cell whose round trips all take `us`, give or take `spread` of it from round to round; one way
// takes half of that.
inline Cell CellForTest(uint64_t size, double us, double spread = 0.02) {
  Cell cell{.size = size};
  for (int round = 0; round < 10; ++round) {
    const double own = us * (1 + spread * (round - 4.5) / 4.5);
    for (int i = 0; i < 200; ++i) cell.round_trips.samples.Add(static_cast<uint64_t>(own * 1e3));
    cell.round_trips.round_p50_us.push_back(own);
    cell.one_way.round_rates.push_back(2e6 / own);
  }
  cell.round_trips.count = cell.one_way.count = 2000;
  cell.round_trips.cpu_ns = cell.one_way.cpu_ns = us * 1e3 * 2000;
  cell.round_trips.sleeps = 4000;
  cell.system_calls = 2;
  return cell;
}

inline Row RowForTest(const std::string& name, std::vector<Cell> cells) {
  return {.mechanism = {.name = name, .title = "the " + name, .family = "socket"},
          .cells = std::move(cells)};
}

inline nlohmann::json ReportForTest(const std::vector<Row>& rows,
                                    std::vector<uint64_t> sizes = {16, 1024}) {
  Options options;
  options.sizes = std::move(sizes);
  options.placements = {Placement::kUnpinned};
  return MakeReport(options, rows, {.seconds = 1});
}

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_REPORT_FOR_TEST_H_
