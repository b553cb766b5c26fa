// What to pick for which case, in words, from the figures of a report. Pure.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_ADVICE_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_ADVICE_H_

#include <nlohmann/json.hpp>

namespace samehost::bench::menu {

// An array of {"case", "pick", "text"}: "pick" is a mechanism's name. A case for which too little
// was measured is left out.
nlohmann::json Advise(const nlohmann::json& report);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_ADVICE_H_
