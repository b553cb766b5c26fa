// Compares the rows of a case with what is wanted of it. Pure.
#ifndef SAMEHOST_PLUGIN_BENCH_VERDICT_H_
#define SAMEHOST_PLUGIN_BENCH_VERDICT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "plugin/bench/contestant.h"

namespace samehost::bench {

struct CaseResult {
  const Case* what = nullptr;
  std::vector<Row> rows{};
  double stolen_percent = 0;     // of all CPU time meanwhile, by the hypervisor
  nlohmann::json link_report{};  // kBareLink: link_benchmark's

  // Null if that transport was not measured.
  const Row* Find(Transport transport) const;
};

struct Verdict {
  std::string wanted{};  // "p50 at least 6x lower than stock unix"
  double bound = 0;
  double measured = 0;
  bool known = false;  // false: a row or enough samples are missing; nothing is claimed
  bool met = false;
};

std::vector<Verdict> Judge(const CaseResult& result);

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_VERDICT_H_
