// What a reader must know of a run before its figures, in sentences: the machine, what else kept it
// busy, how long it was measured. The same for the table and the page. Pure.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_RUN_FACTS_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_RUN_FACTS_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace samehost::bench::menu {

std::vector<std::string> RunFacts(const nlohmann::json& report);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_RUN_FACTS_H_
