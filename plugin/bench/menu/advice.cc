#include "plugin/bench/menu/advice.h"

#include <functional>
#include <string>

#include "plugin/bench/menu/format.h"
#include "plugin/bench/menu/report.h"

namespace samehost::bench::menu {
namespace {

using nlohmann::json;
using Filter = std::function<bool(const json&)>;

// What is weighed: a figure of the cell of that size, of which less (or more) is better.
struct Measure {
  uint64_t size;
  const char* part;
  const char* field;
  bool more_is_better = false;
};

class Adviser {
 public:
  explicit Adviser(const json& report)
      : report_(report), placement_(report.at("options").at("placements").at(0)) {}

  double Value(const json& mechanism, const Measure& measure) const {
    const json* cell = FindCell(mechanism, placement_, measure.size);
    return cell == nullptr ? -1 : Figure(*cell, measure.part, measure.field);
  }

  // The best mechanism that passes, null if none was measured; `but` is left out.
  const json* Best(const Measure& measure, const Filter& filter, const json* but = nullptr) const {
    const json* best = nullptr;
    for (const json& mechanism : report_.at("mechanisms")) {
      const double value = Value(mechanism, measure);
      if (&mechanism == but || value < 0 || mechanism.contains("carries_bytes") ||
          !filter(mechanism)) {
        continue;
      }
      const double so_far = best == nullptr ? -1 : Value(*best, measure);
      if (best == nullptr || (measure.more_is_better ? value > so_far : value < so_far)) {
        best = &mechanism;
      }
    }
    return best;
  }

 private:
  const json& report_;
  const std::string placement_;
};

std::string Title(const json& mechanism) { return mechanism.at("title"); }

std::string ValueText(const Measure& measure, double value) {
  const std::string field = measure.field;
  if (field == "messages_per_second") return RateText(value);
  if (field == "megabytes_per_second") return BytesRateText(value);
  return MicrosText(value);
}

std::string WhatItIs(const Measure& measure) {
  const std::string field = measure.field;
  if (field == "p50_us") return "a round trip (median)";
  return field == "cpu_us_per_message" ? "of CPU a message" : "one way";
}

bool TwoProcesses(const json& mechanism) { return mechanism.at("processes") == 2; }
bool Sleeps(const json& mechanism) {
  return TwoProcesses(mechanism) && mechanism.at("waiting") != "spins";
}
bool KernelOnly(const json& mechanism) {
  const std::string family = mechanism.at("family");
  return TwoProcesses(mechanism) &&
         (family == "pipe" || family == "socket" || family == "message queue");
}
Filter Family(const std::string& family) {
  return [family](const json& mechanism) {
    return TwoProcesses(mechanism) && mechanism.at("family") == family;
  };
}

void Add(const Adviser& adviser, const std::string& title, const Measure& measure,
         const Filter& filter, json* advice) {
  const json* best = adviser.Best(measure, filter);
  if (best == nullptr) return;
  const double value = adviser.Value(*best, measure);
  std::string text = Title(*best) + ": " + ValueText(measure, value) + " " + WhatItIs(measure) +
                     " at " + SizeText(measure.size);
  if (const json* next = adviser.Best(measure, filter, best)) {
    const double other = adviser.Value(*next, measure);
    const double times = measure.more_is_better ? value / other : other / value;
    text += times < 1.1 ? "; on a par with it: "
                        : ", " + NumberText(times, "%.1f") + " times better than the next, ";
    text += Title(*next) + " (" + ValueText(measure, other) + ")";
  }
  advice->push_back({{"case", title}, {"pick", best->at("name")}, {"text", text + "."}});
}

}  // namespace

json Advise(const json& report) {
  json advice = json::array();
  const Adviser adviser(report);
  const auto sizes = report.at("options").at("sizes").get<std::vector<uint64_t>>();
  const uint64_t small = sizes.front(), large = sizes.back();
  const Measure quick_small{small, "round_trip", "p50_us"};
  const Measure quick_large{large, "round_trip", "p50_us"};
  const Measure many{small, "one_way", "messages_per_second", true};
  const Measure bulk{large, "one_way", "megabytes_per_second", true};
  const Measure cheap{small, "one_way", "cpu_us_per_message"};
  const Measure cheap_large{large, "one_way", "cpu_us_per_message"};
  Add(adviser, "The quickest answer to a small message, whatever it costs", quick_small,
      TwoProcesses, &advice);
  Add(adviser, "The quickest answer to a small message without a processor that spins", quick_small,
      Sleeps, &advice);
  Add(adviser, "The quickest answer to a large message without a processor that spins", quick_large,
      Sleeps, &advice);
  Add(adviser, "As many small messages a second as possible", many, TwoProcesses, &advice);
  Add(adviser, "As many bytes a second as possible", bulk, TwoProcesses, &advice);
  Add(adviser, "The least CPU for small messages", cheap, TwoProcesses, &advice);
  Add(adviser, "The least CPU for large messages", cheap_large, TwoProcesses, &advice);
  Add(adviser, "Nothing but plain system calls, small messages", quick_small, KernelOnly, &advice);
  Add(adviser, "Nothing but plain system calls, large messages", quick_large, KernelOnly, &advice);
  Add(adviser, "A program that speaks gRPC, small messages", quick_small, Family("gRPC"), &advice);
  Add(adviser, "A program that speaks gRPC, large messages", quick_large, Family("gRPC"), &advice);
  Add(adviser, "A program that speaks ZeroMQ, small messages", quick_small, Family("ZeroMQ"),
      &advice);
  Add(adviser, "A program that speaks ZeroMQ, large messages", quick_large, Family("ZeroMQ"),
      &advice);
  return advice;
}

}  // namespace samehost::bench::menu
