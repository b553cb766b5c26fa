// The report's cells as comma separated values, one line each, for a spreadsheet. Pure.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_CSV_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_CSV_H_

#include <nlohmann/json.hpp>
#include <string>

namespace samehost::bench::menu {

// A mechanism that is not available has one line with the reason.
std::string ToCsv(const nlohmann::json& report);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_CSV_H_
