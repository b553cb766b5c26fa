#include "plugin/bench/menu/table.h"

#include <algorithm>
#include <map>

#include "plugin/bench/menu/format.h"
#include "plugin/bench/menu/report.h"
#include "plugin/bench/menu/run_facts.h"

namespace samehost::bench::menu {
namespace {

using nlohmann::json;

std::string Text(const json& object, const char* key) {
  const json& value = object.at(key);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void PrintHeader(std::FILE* out, const json& report) {
  std::fprintf(out, "samehost-bench menu: ");
  for (const std::string& line : RunFacts(report)) std::fprintf(out, "%s\n", line.c_str());
}

void PrintTable(std::FILE* out, const json& report, const std::string& placement, uint64_t size) {
  std::fprintf(out, "\n%s, %s\n", SizeText(size).c_str(), placement.c_str());
  std::fprintf(out, "  %-42s %9s %9s %9s %10s %11s %9s %9s %7s %7s\n", "", "p50", "p99", "p99.9",
               "one way", "one way", "CPU/msg", "CPU/msg", "calls", "sleeps");
  std::fprintf(out, "  %-42s %9s %9s %9s %10s %11s %9s %9s %7s %7s\n", "", "", "", "", "messages",
               "bytes", "answered", "one way", "/msg", "/msg");
  std::multimap<double, std::string> lines;
  const bool smallest = size == report.at("options").at("sizes").at(0);
  for (const json& mechanism : report.at("mechanisms")) {
    uint64_t own_size = size;
    if (mechanism.contains("carries_bytes")) {
      own_size = std::min<uint64_t>(size, mechanism.at("carries_bytes"));
      if (!smallest) continue;
    }
    const json* cell = FindCell(mechanism, placement, own_size);
    if (cell == nullptr) continue;
    std::string title = mechanism.at("title");
    if (own_size != size) title += " (" + SizeText(own_size) + ")";
    if (mechanism.at("processes") == 1) title += " [1 process]";
    const double p50 = Figure(*cell, "round_trip", "p50_us");
    char line[300];
    std::snprintf(line, sizeof(line), "  %-42s %9s %9s %9s %10s %11s %9s %9s %7s %7s\n",
                  title.c_str(), MicrosText(p50).c_str(),
                  MicrosText(Figure(*cell, "round_trip", "p99_us")).c_str(),
                  MicrosText(Figure(*cell, "round_trip", "p999_us")).c_str(),
                  RateText(Figure(*cell, "one_way", "messages_per_second")).c_str(),
                  BytesRateText(Figure(*cell, "one_way", "megabytes_per_second")).c_str(),
                  MicrosText(Figure(*cell, "round_trip", "cpu_us_per_message")).c_str(),
                  MicrosText(Figure(*cell, "one_way", "cpu_us_per_message")).c_str(),
                  NumberText(cell->value("system_calls_per_message", -1.0)).c_str(),
                  NumberText(Figure(*cell, "round_trip", "sleeps_per_message")).c_str());
    lines.emplace(p50, line);
  }
  for (const auto& [p50, line] : lines) std::fputs(line.c_str(), out);
}

// Where each overtakes the one that is next behind it, of all pairs only neighbours at some size.
void PrintCrossovers(std::FILE* out, const json& report) {
  std::map<std::string, std::string> titles;
  for (const json& mechanism : report.at("mechanisms")) {
    titles[mechanism.at("name")] = mechanism.at("title");
  }
  bool first = true;
  for (const json& crossing : report.at("crossovers")) {
    if (!crossing.at("neighbours").get<bool>()) continue;
    if (first) std::fprintf(out, "\nWhere one overtakes the next (round trips, interpolated):\n");
    first = false;
    std::fprintf(out, "  %-9s about %-9s %s, above it %s\n", Text(crossing, "placement").c_str(),
                 (SizeText(crossing.at("bytes").get<uint64_t>()) + ":").c_str(),
                 titles[crossing.at("faster_below")].c_str(),
                 titles[crossing.at("faster_above")].c_str());
  }
}

}  // namespace

void PrintTables(std::FILE* out, const json& report) {
  PrintHeader(out, report);
  for (const json& placement : report.at("options").at("placements")) {
    for (const json& size : report.at("options").at("sizes")) {
      PrintTable(out, report, placement, size);
    }
  }
  if (report.contains("no_system_calls")) {
    std::fprintf(out, "\nSystem calls were not counted: %s\n",
                 Text(report, "no_system_calls").c_str());
  }
  bool first = true;
  for (const json& mechanism : report.at("mechanisms")) {
    if (mechanism.at("available").get<bool>()) continue;
    if (first) std::fprintf(out, "\nNot available:\n");
    first = false;
    std::fprintf(out, "  %-42s %s\n", Text(mechanism, "title").c_str(),
                 Text(mechanism, "why_not").c_str());
  }
  PrintCrossovers(out, report);
  std::fprintf(out, "\nWhat to pick:\n");
  for (const json& advice : report.at("advice")) {
    std::fprintf(out, "  %s:\n    %s\n", Text(advice, "case").c_str(),
                 Text(advice, "text").c_str());
  }
  for (const json& contradiction : report.at("contradictions")) {
    std::fprintf(out, "\nDOES NOT ADD UP: %s\n", contradiction.get<std::string>().c_str());
  }
}

}  // namespace samehost::bench::menu
