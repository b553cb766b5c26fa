// The table of what is measured and what is wanted of it.
#ifndef SAMEHOST_PLUGIN_BENCH_CASES_H_
#define SAMEHOST_PLUGIN_BENCH_CASES_H_

#include <string>
#include <vector>

#include "plugin/bench/load.h"

namespace samehost::bench {

// A wish about the samehost row of a case. Ratios are to the stock unix socket row of the same run.
struct Target {
  enum class Kind {
    kP50TimesLower,        // p50 at least `bound` times lower
    kRateTimes,            // operations per second at least `bound` times
    kCpuRatio,             // CPU per operation at most `bound` times
    kP99Ratio,             // p99 at most `bound` times
    kP50RatioToInProcess,  // p50 at most `bound` times that of the in-process row
    kIdleCpuAboveStock,    // percent of a CPU, at most; gRPC's own timer threads tick in both
    kIdleMemoryKib,        // below
  };
  Kind kind;
  double bound;
};

enum class CaseKind {
  kLoad,      // every transport runs `spec`
  kIdle,      // idle.h
  kBareLink,  // bare_link.h
};

struct Case {
  std::string name{};   // stable: --cases, JSON
  std::string title{};  // one line for the reader
  LoadSpec spec{};
  int client_processes = 1;
  bool callback_server = false;
  int handler_wait_us = 0;  // microseconds that a handler of the synchronous server sleeps
  bool raised_allocator = false;
  CaseKind kind = CaseKind::kLoad;
  std::vector<Target> targets{};
};

// In the order of the report.
const std::vector<Case>& AllCases();

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_CASES_H_
