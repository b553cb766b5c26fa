// What has been measured of one mechanism at one size, over all rounds.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_MEASURED_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_MEASURED_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/bench/samples.h"

namespace samehost::bench::menu {

// Both ends are wherever the kernel puts them, or each on a processor of its own.
enum class Placement { kUnpinned, kPinned };

inline const char* Name(Placement placement) {
  return placement == Placement::kPinned ? "pinned" : "unpinned";
}

// CPU time and sleeps are of both ends and their brokers together.
struct RoundTrips {
  Samples samples;
  uint64_t count = 0;
  double cpu_ns = 0;
  double sleeps = 0;
  std::vector<double> round_p50_us;
};

struct OneWay {
  uint64_t count = 0;
  double cpu_ns = 0;
  std::vector<double> round_rates;  // messages per second
};

struct Cell {
  Placement placement = Placement::kUnpinned;
  uint64_t size = 0;
  RoundTrips round_trips{};
  OneWay one_way{};
  std::optional<double> system_calls{};  // per message of a round trip
};

double Median(std::vector<double> values);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_MEASURED_H_
