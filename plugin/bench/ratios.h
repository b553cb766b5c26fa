// How the samehost row of a case compares with the other rows: the figures that the JSON report
// calls "ratios" and that the project's own floors (floors.txt, scripts/check-speed) are about.
// Pure.
#ifndef SAMEHOST_PLUGIN_BENCH_RATIOS_H_
#define SAMEHOST_PLUGIN_BENCH_RATIOS_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "plugin/bench/contestant.h"

namespace samehost::bench {

struct CaseResult {
  const Case* what = nullptr;
  std::vector<Row> rows{};
  double stolen_percent = 0;     // of all CPU time meanwhile, by the hypervisor
  nlohmann::json link_report{};  // kBareLink: samehost-bench-link's

  // Null if that transport was not measured.
  const Row* Find(Transport transport) const;
};

struct Ratio {
  std::string name{};  // stable: JSON, floors.txt
  double value = 0;
};

// Only what is known: without one of the two rows, or enough samples, there is no ratio.
//
//   p50_times_lower, p99_times_lower   the stock unix socket's over samehost's
//   rate_times                         operations per second: samehost's over the unix socket's
//   cpu_of_stock                       CPU per operation: samehost's over the unix socket's
//   p50_of_in_process                  samehost's over the in-process row's
//
// and of an idle connection, which has no ratios but two figures:
//
//   idle_cpu_above_stock_percent       of one CPU
//   connection_kib                     the larger of both accounts of its memory
std::vector<Ratio> Ratios(const CaseResult& result);

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_RATIOS_H_
