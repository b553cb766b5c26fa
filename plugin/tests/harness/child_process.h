// ChildProcess: one of the harness's programs (behaviour_server, behaviour_client) in a real
// process of its own, with a control channel of text lines beside whatever it does with gRPC.
// Start it from the main thread: the child dies with the thread that started it. Killed (SIGKILL)
// and reaped by the destructor. Failures of the control channel are test failures.
#ifndef SAMEHOST_PLUGIN_TESTS_HARNESS_CHILD_PROCESS_H_
#define SAMEHOST_PLUGIN_TESTS_HARNESS_CHILD_PROCESS_H_

#include <sys/types.h>

#include <csignal>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plugin/tests/harness/control_channel.h"
#include "plugin/tests/harness/transport_kind.h"

namespace samehost::testing {

class ChildProcess {
 public:
  struct Options {
    std::string program;  // name of a binary beside the test's own
    std::vector<std::string> flags;
    std::map<std::string, std::string> environment;  // added to this process's; "" removes
    std::string stderr_file;                         // empty: this process's
  };
  explicit ChildProcess(const Options& options);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  void Tell(const std::string& line);
  // The next line that the child writes. Empty after its end.
  std::string Hear();
  std::string Ask(const std::string& line);
  // Asks for counters: "a=1 b=2" as a map.
  Counters AskCounters(const std::string& line = "stats");
  void Signal(int signal);
  // Signal and reap.
  void Kill(int signal = SIGKILL);
  // Waits for the end; the exit code, or -signal.
  int Wait();
  bool running() const { return running_; }

 private:
  pid_t pid_ = -1;
  bool running_ = false;
  int result_ = 0;
  std::unique_ptr<ControlChannel> control_;
  std::mutex asking_;
};

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_HARNESS_CHILD_PROCESS_H_
