#include "plugin/bench/menu/report.h"

#include "plugin/bench/menu/advice.h"
#include "plugin/bench/menu/check.h"
#include "plugin/bench/menu/crossover.h"

namespace samehost::bench::menu {
namespace {

using nlohmann::json;

constexpr double kQuantiles[] = {0.01, 0.05, 0.1, 0.2, 0.3,  0.4,  0.5,
                                 0.6,  0.7,  0.8, 0.9, 0.95, 0.99, 0.999};

json RoundTripJson(const RoundTrips& trips) {
  json out = {{"count", trips.count},
              {"round_p50_us", trips.round_p50_us},
              {"cpu_us_per_message", trips.cpu_ns / 1e3 / (2.0 * trips.count)},
              {"sleeps_per_message", trips.sleeps / (2.0 * trips.count)}};
  const auto add = [&](const char* name, double fraction) {
    const double value = trips.samples.Percentile(fraction);
    if (value >= 0) out[name] = value / 1e3;
  };
  add("p50_us", 0.5);
  add("p99_us", 0.99);
  add("p999_us", 0.999);
  json distribution = json::array();
  for (double fraction : kQuantiles) {
    const double value = trips.samples.Percentile(fraction);
    if (value >= 0) distribution.push_back({fraction, value / 1e3});
  }
  out["distribution_us"] = distribution;
  return out;
}

json OneWayJson(const OneWay& one_way, uint64_t size) {
  const double rate = Median(one_way.round_rates);
  return {{"count", one_way.count},
          {"round_messages_per_second", one_way.round_rates},
          {"messages_per_second", rate},
          {"megabytes_per_second", rate * size / 1e6},
          {"cpu_us_per_message", one_way.cpu_ns / 1e3 / one_way.count}};
}

json CellJson(const Cell& cell) {
  json out = {{"placement", Name(cell.placement)},
              {"size", cell.size},
              {"round_trip", RoundTripJson(cell.round_trips)},
              {"one_way", OneWayJson(cell.one_way, cell.size)}};
  if (cell.system_calls) out["system_calls_per_message"] = *cell.system_calls;
  return out;
}

json RowJson(const Row& row) {
  const Mechanism& mechanism = row.mechanism;
  json out = {{"name", mechanism.name},
              {"title", mechanism.title},
              {"family", mechanism.family},
              {"waiting", Name(mechanism.waiting)},
              {"processes", mechanism.one_process ? 1 : 2},
              {"available", mechanism.missing.empty()},
              {"cells", json::array()}};
  if (!mechanism.missing.empty()) out["why_not"] = mechanism.missing;
  if (mechanism.max_message != SIZE_MAX) out["carries_bytes"] = mechanism.max_message;
  for (const Cell& cell : row.cells) out["cells"].push_back(CellJson(cell));
  return out;
}

json OptionsJson(const Options& options) {
  json placements = json::array();
  for (Placement placement : options.placements) placements.push_back(Name(placement));
  return {{"seconds", options.seconds},
          {"rounds", options.rounds},
          {"sizes", options.sizes},
          {"background_load", options.background_load},
          {"placements", placements}};
}

}  // namespace

json MakeReport(const Options& options, const std::vector<Row>& rows,
                const Circumstances& circumstances) {
  json report = {{"schema", 1},
                 {"kind", "samehost-bench menu"},
                 {"machine", circumstances.machine},
                 {"options", OptionsJson(options)},
                 {"seconds", circumstances.seconds},
                 {"stolen_percent", circumstances.stolen_percent},
                 {"mechanisms", json::array()}};
  if (!circumstances.no_system_calls.empty()) {
    report["no_system_calls"] = circumstances.no_system_calls;
  }
  for (const Row& row : rows) report["mechanisms"].push_back(RowJson(row));
  report["crossovers"] = FindCrossovers(report);
  report["advice"] = Advise(report);
  report["contradictions"] = Contradictions(report);
  return report;
}

const json* FindCell(const json& mechanism, const std::string& placement, uint64_t size) {
  for (const json& cell : mechanism.at("cells")) {
    if (cell.at("placement") == placement && cell.at("size") == size) return &cell;
  }
  return nullptr;
}

double Figure(const json& object, const char* part, const char* field) {
  const auto found = object.find(part);
  return found == object.end() ? -1 : found->value(field, -1.0);
}

}  // namespace samehost::bench::menu
