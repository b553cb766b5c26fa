// Runs samehost-bench-link, the micro benchmark of the shared-memory link without gRPC, which is a
// program of its own (plugin/shm/link_benchmark.cc). Throws BenchFailure when it fails.
#ifndef SAMEHOST_PLUGIN_BENCH_BARE_LINK_H_
#define SAMEHOST_PLUGIN_BENCH_BARE_LINK_H_

#include <nlohmann/json.hpp>

#include "plugin/bench/run_options.h"

namespace samehost::bench {

// It prints its own table; returns its JSON report.
nlohmann::json RunBareLink(const RunOptions& options);

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_BARE_LINK_H_
