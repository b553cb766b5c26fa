// Coroutines over a completion queue: `bool ok = co_await Completion([&](void* tag) { start; })`.
// A CompletionTask runs on the thread that calls RunCompletions and owns itself: its frame is
// freed when it ends.
#ifndef SAMEHOST_PLUGIN_TESTS_HARNESS_COMPLETION_TASK_H_
#define SAMEHOST_PLUGIN_TESTS_HARNESS_COMPLETION_TASK_H_

#include <grpcpp/completion_queue.h>

#include <coroutine>
#include <exception>
#include <utility>

namespace samehost::testing {

struct CompletionTask {
  struct promise_type {
    CompletionTask get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

struct CompletionTag {
  std::coroutine_handle<> waiting;
  bool ok = false;
};

template <typename Start>
class Completion {
 public:
  explicit Completion(Start start) : start_(std::move(start)) {}
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    tag_.waiting = waiting;
    start_(static_cast<void*>(&tag_));
  }
  bool await_resume() { return tag_.ok; }

 private:
  Start start_;
  CompletionTag tag_;
};

// False once the queue is shut down and drained.
inline bool RunOneCompletion(grpc::CompletionQueue* queue) {
  void* tag;
  bool ok;
  if (!queue->Next(&tag, &ok)) return false;
  auto* completion = static_cast<CompletionTag*>(tag);
  completion->ok = ok;
  completion->waiting.resume();
  return true;
}

inline void RunCompletions(grpc::CompletionQueue* queue) {
  while (RunOneCompletion(queue)) {
  }
}

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_HARNESS_COMPLETION_TASK_H_
