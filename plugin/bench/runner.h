// Runs the chosen cases: for each one all transports stand ready, and every round gives each of
// them a slice of time, in an order that rotates from round to round, so that whatever drifts on
// the machine meets all rows alike. Prints as it goes. Throws BenchFailure, ProofFailure.
#ifndef SAMEHOST_PLUGIN_BENCH_RUNNER_H_
#define SAMEHOST_PLUGIN_BENCH_RUNNER_H_

#include "plugin/bench/run_options.h"

namespace samehost::bench {

void RunGrpcBenchmark(RunOptions options);

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_RUNNER_H_
