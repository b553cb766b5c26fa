// ServiceState: what the services of one behaviour_server share: counters, and the gates that the
// control channel opens. Lives as long as the process; all calls from any thread.
#ifndef SAMEHOST_PLUGIN_TESTS_SERVER_SERVICE_STATE_H_
#define SAMEHOST_PLUGIN_TESTS_SERVER_SERVICE_STATE_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>

namespace samehost::testing {

class ServiceState {
 public:
  std::atomic<uint64_t> calls_started{0}, calls_finished{0}, calls_cancelled{0};
  std::atomic<uint64_t> messages_read{0}, intercepted{0};

  // Opens the gate for all calls that hold, now and later.
  void Release() {
    Change([this] { released_ = true; });
  }
  void AllowReads(uint64_t count) {
    Change([this, count] { reads_allowed_ += count; });
  }

  // Waits until released or `cancelled()`.
  void WaitForRelease(const std::function<bool()>& cancelled) {
    WaitFor([this] { return released_; }, cancelled);
  }
  // Takes one read permit, or gives up when `cancelled()`.
  void WaitForReadPermit(const std::function<bool()>& cancelled) {
    WaitFor([this] { return reads_allowed_ > 0 && reads_allowed_-- > 0; }, cancelled);
  }
  void WaitForCancel(const std::function<bool()>& cancelled) {
    WaitFor([] { return false; }, cancelled);
  }

 private:
  template <typename Action>
  void Change(Action action) {
    std::lock_guard<std::mutex> lock(mutex_);
    action();
    changed_.notify_all();
  }
  // Cancellation does not signal the condition: it is looked at every few milliseconds.
  template <typename Condition>
  void WaitFor(Condition condition, const std::function<bool()>& cancelled) {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!condition() && !cancelled()) changed_.wait_for(lock, std::chrono::milliseconds(2));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool released_ = false;
  uint64_t reads_allowed_ = 0;
};

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_SERVER_SERVICE_STATE_H_
