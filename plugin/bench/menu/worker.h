// What a worker process of `samehost-bench menu` does: it holds one end of one mechanism, or both
// ends in two threads, and does what the controller says over a MessagePipe. Commands, each
// answered by one value ({"error": text} if it failed):
//
//   {"command": "open"} -> {}                     both ends at the same time: they wait for each
//   other
//   {"command": "run", "spec": RunSpec} -> {"wall_ns", "cpu_ns", "sleeps", "samples"}
//   {"command": "pin", "cpus": [...]} -> {}       the whole process may run on these
//   {"command": "pin_ends", "server": cpu, "client": cpu} -> {}   with both ends: their threads
//   {"command": "brokers"} -> {"pids": [...]}     processes beside the two ends
//   {"command": "prove"} -> {}
//
// With both ends, times and samples are the client's. Ends when the controller closes its end.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_WORKER_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_WORKER_H_

#include <CLI/CLI.hpp>
#include <string>

namespace samehost::bench::menu {

inline constexpr const char* kWorkerCommand = "menu-worker";

struct WorkerOptions {
  std::string mechanism;
  std::string role;  // "server", "client", "both"
  std::string directory;
  std::string token;
  int peer_fd = -1;
  int control_fd = -1;
};

// Adds the hidden subcommand to a program that can be a worker.
CLI::App* AddWorkerCommand(CLI::App& app, WorkerOptions& options);

// Does not return.
[[noreturn]] void RunWorker(const WorkerOptions& options);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_WORKER_H_
