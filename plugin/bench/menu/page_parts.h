// The files of the page, linked into this program.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_PAGE_PARTS_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_PAGE_PARTS_H_

#include <string_view>

namespace samehost::bench::menu {

std::string_view PageTemplate();
std::string_view PageStyle();
std::string_view PageScript();
// Chart.js; empty when it was not installed when this was built: the page then has tables only.
std::string_view ChartLibrary();

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_PAGE_PARTS_H_
