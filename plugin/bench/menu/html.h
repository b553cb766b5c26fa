// The report as a page that holds everything it needs: data, script, plots' library.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_HTML_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_HTML_H_

#include <nlohmann/json.hpp>
#include <string>

namespace samehost::bench::menu {

std::string ToHtml(const nlohmann::json& report);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_HTML_H_
