// WorkerProcess: the controller's handle to one worker (worker.h, menu/worker.h), a fresh process
// that executes samehost-bench or one of its sister programs. Killed with SIGKILL and reaped by the
// destructor; dies by itself if the controller dies. One thread; throws BenchFailure.
#ifndef SAMEHOST_PLUGIN_BENCH_WORKER_PROCESS_H_
#define SAMEHOST_PLUGIN_BENCH_WORKER_PROCESS_H_

#include <sys/types.h>
#include <time.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "plugin/bench/message_pipe.h"
#include "plugin/bench/worker.h"

namespace samehost::bench {

// What a worker is started with; `--control-fd N` comes behind the arguments.
struct WorkerCommand {
  std::vector<std::string> arguments;    // the executable first
  std::vector<std::string> environment;  // "NAME=value", beside what this process has
  std::vector<int> inherited_fds;
  int patience_seconds = 300;  // for an answer: a call that never ends must not hang the whole run
};

class WorkerProcess {
 public:
  WorkerProcess(const std::string& role, WorkerCommand command);
  // A worker of `samehost-bench grpc`. `role` is only for a reader of `ps`.
  WorkerProcess(const std::string& executable, const std::string& role,
                const WorkerOptions& options);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  // Sends a command and waits for its answer; one that says "error" is thrown.
  nlohmann::json Call(const nlohmann::json& command);
  // The two halves of Call, to have several workers busy at once.
  void Begin(const nlohmann::json& command) { pipe_.Send(command); }
  nlohmann::json Finish();

  pid_t pid() const { return pid_; }
  // User and system time of the process so far, read from outside without disturbing it.
  uint64_t CpuNs() const;

 private:
  std::string role_;
  pid_t pid_ = -1;
  clockid_t cpu_clock_ = 0;
  MessagePipe pipe_{UniqueFd()};
};

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_WORKER_PROCESS_H_
