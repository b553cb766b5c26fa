// Whether the figures of a report can be true together. Pure.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_CHECK_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_CHECK_H_

#include <nlohmann/json.hpp>

namespace samehost::bench::menu {

// An array of sentences, empty when all is well:
//  - a mechanism that sleeps for every message slept for them;
//  - and is not faster than a wake-up costs (the bare eventfd of the same run and placement);
//  - percentiles rise.
nlohmann::json Contradictions(const nlohmann::json& report);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_CHECK_H_
