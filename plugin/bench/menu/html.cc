#include "plugin/bench/menu/html.h"

#include "plugin/bench/menu/page_parts.h"

namespace samehost::bench::menu {
namespace {

void Replace(std::string& text, const std::string& mark, std::string_view by) {
  text.replace(text.find(mark), mark.size(), by);
}

// Nothing in a script element may look like its end.
std::string AsScriptData(const nlohmann::json& report) {
  std::string text = report.dump(-1, ' ', /*ensure_ascii=*/true);
  for (size_t at = 0; (at = text.find("</", at)) != std::string::npos; at += 3) {
    text.replace(at, 2, "<\\/");
  }
  return text;
}

}  // namespace

std::string ToHtml(const nlohmann::json& report) {
  std::string page(PageTemplate());
  Replace(page, "/*STYLE*/", PageStyle());
  Replace(page, "PLOTS", ChartLibrary().empty() ? "none" : "chart.js");
  Replace(page, "/*CHART*/", ChartLibrary());
  Replace(page, "/*REPORT*/", AsScriptData(report));
  Replace(page, "/*SCRIPT*/", PageScript());
  return page;
}

}  // namespace samehost::bench::menu
