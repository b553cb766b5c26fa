// The report: a table on the screen as each case ends, and the same as JSON.
#ifndef SAMEHOST_PLUGIN_BENCH_REPORT_H_
#define SAMEHOST_PLUGIN_BENCH_REPORT_H_

#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "plugin/bench/ratios.h"
#include "plugin/bench/run_options.h"

namespace samehost::bench {

void PrintHeader(std::FILE* out, const nlohmann::json& facts, const RunOptions& options);
// Before and after it is measured.
void PrintCaseTitle(std::FILE* out, const Case& what);
void PrintCase(std::FILE* out, const CaseResult& result);

// "schema": 1. Latencies in microseconds; absent where the samples are too few.
nlohmann::json ToJson(const CaseResult& result);
nlohmann::json ToJson(const RunOptions& options);

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_REPORT_H_
