#include "plugin/bench/menu/page_parts.h"

// SAMEHOST_MENU_PAGE and SAMEHOST_MENU_CHART: the folder and the file, from CMake.
#define SAMEHOST_EMBED(name, file)                                                   \
  asm(".section .rodata\n.global " #name "_begin\n" #name "_begin:\n.incbin \"" file \
      "\"\n.global " #name "_end\n" #name "_end:\n.byte 0\n.previous\n");            \
  extern "C" const char name##_begin[];                                              \
  extern "C" const char name##_end[]

SAMEHOST_EMBED(samehost_menu_template, SAMEHOST_MENU_PAGE "/page.html");
SAMEHOST_EMBED(samehost_menu_style, SAMEHOST_MENU_PAGE "/page.css");
SAMEHOST_EMBED(samehost_menu_script, SAMEHOST_MENU_PAGE "/page.js");
#ifdef SAMEHOST_MENU_CHART
SAMEHOST_EMBED(samehost_menu_chart, SAMEHOST_MENU_CHART);
#endif

namespace samehost::bench::menu {
namespace {

std::string_view Between(const char* begin, const char* end) {
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace

std::string_view PageTemplate() {
  return Between(samehost_menu_template_begin, samehost_menu_template_end);
}
std::string_view PageStyle() { return Between(samehost_menu_style_begin, samehost_menu_style_end); }
std::string_view PageScript() {
  return Between(samehost_menu_script_begin, samehost_menu_script_end);
}
std::string_view ChartLibrary() {
#ifdef SAMEHOST_MENU_CHART
  return Between(samehost_menu_chart_begin, samehost_menu_chart_end);
#else
  return {};
#endif
}

}  // namespace samehost::bench::menu
