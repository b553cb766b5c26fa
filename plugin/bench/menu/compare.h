// What got slower from one report to another, beyond noise. Pure.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_COMPARE_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_COMPARE_H_

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace samehost::bench::menu {

struct Change {
  std::string what{};            // "pipe, 16 B, unpinned: round trip"
  double before = 0, after = 0;  // medians of the rounds
  double slower = 1;             // how many times; below 1: faster
};

struct Comparison {
  std::vector<Change> slower, faster;
  size_t compared = 0;              // figures that both reports have
  std::vector<std::string> gone{};  // mechanisms that were available in the old one only
  double typical = 1;               // the median of all ratios: what the machine did as a whole
};

// Compared are the medians of the rounds: of the round trips' p50 and of the one-way rates. A
// figure has changed when its median did by a tenth or more and the two sets of rounds lie apart:
// nine tenths of the one beyond nine tenths of the other. Throws BenchFailure when one is no report
// of the menu.
Comparison Compare(const nlohmann::json& before, const nlohmann::json& after);

void PrintComparison(std::FILE* out, const Comparison& comparison);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_COMPARE_H_
