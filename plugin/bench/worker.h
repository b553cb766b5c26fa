// What a worker process does: it serves, calls, or (in-process transport) both, as the controller
// tells it over a MessagePipe. Commands, each answered by one value ({"error": text} if it failed):
//
//   {"command": "serve", "transport": T, "directory": D, "callback": bool,
//    "handler_wait_us": N}  -> {"target": address}
//   {"command": "connect", "transport": T, "target": address, "channels": n} -> {}
//   {"command": "load", "spec": LoadSpec} -> {"operations", "wall_ns", "cpu_ns", "samples"}
//     with "channel": i, over that channel alone
//   {"command": "trim"} -> {}   gives freed heap memory back, before memory is counted
//   {"command": "facts"} -> {"messages", "payload_errors", "link": LinkStatistics(), "fallbacks"}
//
// The worker ends when the controller closes its end.
#ifndef SAMEHOST_PLUGIN_BENCH_WORKER_H_
#define SAMEHOST_PLUGIN_BENCH_WORKER_H_

#include "plugin/base/unique_fd.h"

namespace samehost::bench {

struct WorkerOptions {
  int control_fd = -1;
  int cpu = -1;                   // run on this CPU only; -1: wherever the kernel likes
  bool raised_allocator = false;  // see RaiseAllocatorThresholds
  bool single_arena = false;      // M_ARENA_MAX 1: malloc_trim cannot empty other arenas' tops
};

// glibc's limits of those two; part of the process from its first allocation on.
inline constexpr int kRaisedMmapThreshold = 32 << 20;
inline constexpr int kRaisedTrimThreshold = 512 << 20;

// Returns the process's exit code.
int RunWorker(const WorkerOptions& options);

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_WORKER_H_
