// Background: one thread of the process that does small things later, for which some milliseconds
// more or less do not matter. It sleeps otherwise, without a tick; gRPC's own timer threads go on
// waking up for seconds after a short timer.
//
// Owner: process-wide singleton, never destroyed; the thread exists from the first task on. Any
// thread. A task runs with no lock held.
#ifndef SAMEHOST_PLUGIN_GRPC_BACKGROUND_H_
#define SAMEHOST_PLUGIN_GRPC_BACKGROUND_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

namespace samehost::grpc_transport {

class Background {
 public:
  using Clock = std::chrono::steady_clock;
  // Names a task until it has run or was cancelled.
  struct Task {
    Clock::time_point due;
    uint64_t number = 0;
    auto operator<=>(const Task&) const = default;
  };

  static Background& Get();

  Task RunAfter(std::chrono::milliseconds delay, std::function<void()> run);
  // True: the task will not run. False: it has begun, or is over.
  bool Cancel(const Task& task);

  // In the child after fork: forgets everything.
  void ResetInChild();

 private:
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    std::map<Task, std::function<void()>> tasks;
    uint64_t last_number = 0;
    bool started = false;
  };
  Background() : state_(new State) {}
  static void Loop(State* state);

  // SUBTLE: never freed. A child of fork takes a new one: in the old one the mutex may be held and
  // the condition waited for by threads that do not exist there.
  State* state_;
};

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_BACKGROUND_H_
