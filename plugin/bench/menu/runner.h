// Runs the menu: all mechanisms stand ready, and in every round each has its slice at every size
// and placement, in an order that rotates, so that whatever drifts on the machine meets all of
// them, and shows in the spread of the rounds.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_RUNNER_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_RUNNER_H_

#include <nlohmann/json.hpp>

#include "plugin/bench/menu/options.h"

namespace samehost::bench::menu {

// The report, as report.schema.json describes it. Tells stderr how far it is. Throws ProofFailure
// when bytes did not go the way that their row claims.
nlohmann::json RunMenu(const Options& options);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_RUNNER_H_
