// Breaker: remembers the first rule that the peer violated. Any thread. Once broken, for good.
#ifndef SAMEHOST_PLUGIN_SHM_BREAKER_H_
#define SAMEHOST_PLUGIN_SHM_BREAKER_H_

#include <sys/socket.h>

#include <atomic>
#include <mutex>
#include <string>
#include <utility>

#include "plugin/base/result.h"

namespace samehost::shm {

class Breaker {
 public:
  // `socket` outlives this object; it is shut down at the first violation, so that both sides'
  // pollers come and look.
  explicit Breaker(int socket) : socket_(socket) {}

  bool broken() const { return broken_.load(std::memory_order_acquire); }  // SYNC(broken)

  void Break(Error error) {
    std::lock_guard lock(mutex_);
    // relaxed: under the mutex.
    if (broken_.load(std::memory_order_relaxed)) return;
    error_ = std::move(error);
    broken_.store(true, std::memory_order_release);  // SYNC(broken): error_ before
    shutdown(socket_, SHUT_RDWR);
  }
  void Violation(std::string rule) { Break(Error{ErrorCode::kProtocol, 0, std::move(rule)}); }

  // Requires broken().
  const Error& error() const { return error_; }

 private:
  const int socket_;
  std::atomic<bool> broken_{false};
  std::mutex mutex_;
  Error error_;
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_BREAKER_H_
