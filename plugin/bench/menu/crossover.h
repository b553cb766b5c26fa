// From which message size one mechanism is ahead of another: where the lines of their round trip
// medians cross, drawn straight between the measured sizes on logarithmic axes. Pure.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_CROSSOVER_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_CROSSOVER_H_

#include <nlohmann/json.hpp>

namespace samehost::bench::menu {

// For each placement every pair that changes places: {"placement", "faster_below", "faster_above",
// "bytes", "between": [size, size], "neighbours": whether no third one of the same number of
// processes lies between the two at either of these sizes}. Where two differ by less than a tenth,
// neither is ahead.
nlohmann::json FindCrossovers(const nlohmann::json& report);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_CROSSOVER_H_
