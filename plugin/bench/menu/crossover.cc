#include "plugin/bench/menu/crossover.h"

#include <algorithm>
#include <cmath>

#include "plugin/bench/menu/report.h"

namespace samehost::bench::menu {
namespace {

using nlohmann::json;

double P50(const json& mechanism, const std::string& placement, uint64_t size) {
  const json* cell = FindCell(mechanism, placement, size);
  return cell == nullptr ? -1 : Figure(*cell, "round_trip", "p50_us");
}

// How many times slower `a` is than `b` at that size; negative when either is not known.
double Ratio(const json& a, const json& b, const std::string& placement, uint64_t size) {
  const double p50_a = P50(a, placement, size), p50_b = P50(b, placement, size);
  return p50_a > 0 && p50_b > 0 ? p50_a / p50_b : -1;
}

// Straight lines on logarithmic axes: the logarithm of the ratio is 0 where they cross.
double Cross(uint64_t low, double ratio_low, uint64_t high, double ratio_high) {
  const double from = std::log(ratio_low), to = std::log(ratio_high);
  const double share = from / (from - to);
  const auto place = [](uint64_t size) { return std::log(std::max(1.0, double(size))); };
  return std::round(std::exp(place(low) + share * (place(high) - place(low))));
}

// Whether no third one lies between the two at that size.
bool NextToEachOther(const json& mechanisms, const json& a, const json& b,
                     const std::string& placement, uint64_t size) {
  const double low = std::min(P50(a, placement, size), P50(b, placement, size));
  const double high = std::max(P50(a, placement, size), P50(b, placement, size));
  return std::none_of(mechanisms.begin(), mechanisms.end(), [&](const json& third) {
    const double p50 = P50(third, placement, size);
    return third.at("processes") == 2 && p50 > low && p50 < high;
  });
}

void AddPair(const json& mechanisms, const json& a, const json& b, const std::string& placement,
             const std::vector<uint64_t>& sizes, json* found) {
  // The last size at which the two differed by enough, and by how much.
  uint64_t last_size = 0;
  double last = -1;
  for (uint64_t size : sizes) {
    const double ratio = Ratio(a, b, placement, size);
    if (ratio < 0 || (ratio < kTelling && ratio > 1 / kTelling)) continue;
    if (last > 0 && (last < 1) != (ratio < 1)) {
      const json& before = last < 1 ? a : b;
      const json& after = last < 1 ? b : a;
      found->push_back(
          {{"placement", placement},
           {"faster_below", before.at("name")},
           {"faster_above", after.at("name")},
           {"bytes", Cross(last_size, last, size, ratio)},
           {"between", {last_size, size}},
           {"neighbours", a.at("processes") == 2 && b.at("processes") == 2 &&
                              (NextToEachOther(mechanisms, a, b, placement, last_size) ||
                               NextToEachOther(mechanisms, a, b, placement, size))}});
    }
    last_size = size;
    last = ratio;
  }
}

}  // namespace

json FindCrossovers(const json& report) {
  json found = json::array();
  const auto sizes = report.at("options").at("sizes").get<std::vector<uint64_t>>();
  const json& mechanisms = report.at("mechanisms");
  for (const json& placement : report.at("options").at("placements")) {
    for (size_t a = 0; a < mechanisms.size(); ++a) {
      for (size_t b = a + 1; b < mechanisms.size(); ++b) {
        AddPair(mechanisms, mechanisms[a], mechanisms[b], placement, sizes, &found);
      }
    }
  }
  return found;
}

}  // namespace samehost::bench::menu
