#include "plugin/bench/menu/check.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "plugin/bench/menu/report.h"

namespace samehost::bench::menu {
namespace {

using nlohmann::json;

// Two ends on one processor need one sleep for two messages: whoever sends is preempted and finds
// the answer when he is back.
constexpr double kFewestSleeps = 0.3;
// Medians of two mechanisms in one run waver by that much.
constexpr double kWakeUpMargin = 0.6;

std::string Text(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f", value);
  return text;
}

std::string Where(const json& mechanism, const json& cell) {
  return mechanism.at("name").get<std::string>() + " (" + cell.at("placement").get<std::string>() +
         ", " + std::to_string(cell.at("size").get<int>()) + " B)";
}

// The round trip of bare wake-ups in its fastest round, or -1 when it was not measured: what else
// the machine did in that of the others is none of the mechanisms' merit.
double WakeUpUs(const json& report, const std::string& placement) {
  for (const json& mechanism : report.at("mechanisms")) {
    if (mechanism.at("name") != "eventfd") continue;
    for (const json& cell : mechanism.at("cells")) {
      if (cell.at("placement") != placement || !cell.contains("round_trip")) continue;
      const std::vector<double> rounds = cell.at("round_trip").at("round_p50_us");
      return *std::min_element(rounds.begin(), rounds.end());
    }
  }
  return -1;
}

void CheckSleeper(const json& mechanism, const json& cell, double wake_up_us, json* found) {
  const double sleeps = Figure(cell, "round_trip", "sleeps_per_message");
  if (sleeps < kFewestSleeps) {
    found->push_back(Where(mechanism, cell) +
                     " is said to sleep for every message but slept only " + Text(sleeps) +
                     " times for each");
  }
  const double p50 = Figure(cell, "round_trip", "p50_us");
  if (p50 >= 0 && wake_up_us > 0 && p50 < kWakeUpMargin * wake_up_us) {
    found->push_back(Where(mechanism, cell) + " sleeps and yet takes " + Text(p50) +
                     " us, less than the wake-ups alone: " + Text(wake_up_us) + " us");
  }
}

void CheckOrder(const json& mechanism, const json& cell, json* found) {
  const double p50 = Figure(cell, "round_trip", "p50_us");
  const double p99 = Figure(cell, "round_trip", "p99_us");
  const double p999 = Figure(cell, "round_trip", "p999_us");
  if ((p99 >= 0 && p99 < p50) || (p999 >= 0 && p999 < p99)) {
    found->push_back(Where(mechanism, cell) + " has percentiles that fall");
  }
}

}  // namespace

json Contradictions(const json& report) {
  json found = json::array();
  const uint64_t smallest = report.at("options").at("sizes").at(0);
  for (const json& mechanism : report.at("mechanisms")) {
    const bool sleeps = mechanism.at("waiting") == "sleeps";
    for (const json& cell : mechanism.at("cells")) {
      CheckOrder(mechanism, cell, &found);
      const std::string placement = cell.at("placement");
      // Where the kernel places the ends, one mechanism may have both on one processor and another
      // not: wake-ups cost the same only when pinned.
      const double wake_up = placement == "pinned" ? WakeUpUs(report, placement) : -1;
      if (sleeps && cell.at("size") <= smallest) CheckSleeper(mechanism, cell, wake_up, &found);
    }
  }
  return found;
}

}  // namespace samehost::bench::menu
