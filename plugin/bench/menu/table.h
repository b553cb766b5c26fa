// The report as plain tables on the screen.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_TABLE_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_TABLE_H_

#include <cstdio>
#include <nlohmann/json.hpp>

namespace samehost::bench::menu {

void PrintTables(std::FILE* out, const nlohmann::json& report);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_TABLE_H_
