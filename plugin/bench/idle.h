// The idle case: what a connection costs that carried much and now carries nothing.
#ifndef SAMEHOST_PLUGIN_BENCH_IDLE_H_
#define SAMEHOST_PLUGIN_BENCH_IDLE_H_

#include "plugin/bench/contestant.h"

namespace samehost::bench {

// Fills the idle part of a row. Takes about 4 s. CPU and memory are read from outside the two
// processes (their CPU clocks, /proc/PID/smaps).
Row MeasureIdle(const Case& what, Transport transport, const RunOptions& options);

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_IDLE_H_
