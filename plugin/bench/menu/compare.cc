#include "plugin/bench/menu/compare.h"

#include <algorithm>

#include "plugin/bench/bench_failure.h"
#include "plugin/bench/menu/format.h"
#include "plugin/bench/menu/measured.h"
#include "plugin/bench/menu/report.h"

namespace samehost::bench::menu {
namespace {

using nlohmann::json;

// Linear between the two neighbours, as spreadsheets do it.
double Quantile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  const double place = fraction * (values.size() - 1);
  const auto index = static_cast<size_t>(place);
  if (index + 1 >= values.size()) return values.back();
  return values[index] + (place - index) * (values[index + 1] - values[index]);
}

void RequireReport(const json& report) {
  if (!report.is_object() || report.value("kind", "") != "samehost-bench menu" ||
      report.value("schema", 0) != 1) {
    throw BenchFailure("this is not a report that `samehost-bench menu --json` has made");
  }
}

// Both as times: the larger, the slower.
struct Times {
  std::vector<double> before, after;
};

// Of two sets of ten rounds with the same noise, one in some thousands lies apart like this (and by
// a tenth); of a true change of a fifth under a noise of 2 %, nearly all do.
bool LieApart(const std::vector<double>& low, const std::vector<double>& high) {
  return Quantile(high, 0.1) > Quantile(low, 0.9);
}

class Comparer {
 public:
  void Add(const std::string& what, const Times& times) {
    if (times.before.empty() || times.after.empty()) return;
    Change change{.what = what, .before = Median(times.before), .after = Median(times.after)};
    if (change.before <= 0 || change.after <= 0) return;
    change.slower = change.after / change.before;
    ratios_.push_back(change.slower);
    if (change.slower >= kTelling && LieApart(times.before, times.after)) {
      found_.slower.push_back(change);
    } else if (change.slower <= 1 / kTelling && LieApart(times.after, times.before)) {
      found_.faster.push_back(change);
    }
  }

  Comparison Finish() {
    const auto by_size = [](const Change& a, const Change& b) { return a.slower > b.slower; };
    std::sort(found_.slower.begin(), found_.slower.end(), by_size);
    std::sort(found_.faster.rbegin(), found_.faster.rend(), by_size);
    found_.compared = ratios_.size();
    if (!ratios_.empty()) found_.typical = Median(ratios_);
    return std::move(found_);
  }

  Comparison& found() { return found_; }

 private:
  Comparison found_;
  std::vector<double> ratios_;
};

std::vector<double> MicrosOfRates(std::vector<double> rates) {
  for (double& rate : rates) rate = rate > 0 ? 1e6 / rate : 0;
  return rates;
}

void CompareCells(const json& before, const json& after, const std::string& where,
                  Comparer& comparer) {
  const auto rounds = [](const json& cell, const char* part, const char* field) {
    return cell.at(part).at(field).get<std::vector<double>>();
  };
  comparer.Add(where + "round trip", {rounds(before, "round_trip", "round_p50_us"),
                                      rounds(after, "round_trip", "round_p50_us")});
  comparer.Add(where + "one way, a message",
               {MicrosOfRates(rounds(before, "one_way", "round_messages_per_second")),
                MicrosOfRates(rounds(after, "one_way", "round_messages_per_second"))});
}

void PrintChanges(std::FILE* out, const char* title, const std::vector<Change>& changes) {
  if (changes.empty()) return;
  std::fprintf(out, "%s\n", title);
  for (const Change& change : changes) {
    std::fprintf(out, "  %-60s %9s -> %9s  %+.0f %%\n", change.what.c_str(),
                 MicrosText(change.before).c_str(), MicrosText(change.after).c_str(),
                 100 * (change.slower - 1));
  }
}

}  // namespace

Comparison Compare(const json& before, const json& after) {
  RequireReport(before);
  RequireReport(after);
  Comparer comparer;
  for (const json& old_row : before.at("mechanisms")) {
    const json& rows = after.at("mechanisms");
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const json& candidate) {
      return candidate.at("name") == old_row.at("name");
    });
    const bool there = row != rows.end() && row->at("available").get<bool>();
    if (old_row.at("available").get<bool>() && !there) {
      comparer.found().gone.push_back(old_row.at("name"));
    }
    if (!there) continue;
    for (const json& old_cell : old_row.at("cells")) {
      const std::string placement = old_cell.at("placement");
      const uint64_t size = old_cell.at("size");
      const json* cell = FindCell(*row, placement, size);
      if (cell == nullptr) continue;
      const std::string where =
          old_row.at("name").get<std::string>() + ", " + SizeText(size) + ", " + placement + ": ";
      CompareCells(old_cell, *cell, where, comparer);
    }
  }
  return comparer.Finish();
}

void PrintComparison(std::FILE* out, const Comparison& comparison) {
  PrintChanges(out, "Slower:", comparison.slower);
  PrintChanges(out, "Faster:", comparison.faster);
  for (const std::string& name : comparison.gone) {
    std::fprintf(out, "No longer measured: %s\n", name.c_str());
  }
  std::fprintf(out,
               "%zu figures compared: %zu slower, %zu faster beyond noise; the typical one took "
               "%.2f times as long\n",
               comparison.compared, comparison.slower.size(), comparison.faster.size(),
               comparison.typical);
}

}  // namespace samehost::bench::menu
