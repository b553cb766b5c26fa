#include "plugin/bench/menu/html.h"

#include "plugin/bench/menu/page_parts.h"
#include "plugin/bench/menu/run_facts.h"

namespace samehost::bench::menu {
namespace {

void Replace(std::string& text, const std::string& mark, std::string_view by) {
  text.replace(text.find(mark), mark.size(), by);
}

std::string AsHtml(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string FactsHtml(const nlohmann::json& report) {
  std::string out;
  for (const std::string& line : RunFacts(report)) out += "<li>" + AsHtml(line) + "</li>\n";
  return out;
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
  Replace(page, "<!--FACTS-->", FactsHtml(report));
  Replace(page, "/*CHART*/", ChartLibrary());
  Replace(page, "/*REPORT*/", AsScriptData(report));
  Replace(page, "/*SCRIPT*/", PageScript());
  return page;
}

}  // namespace samehost::bench::menu
