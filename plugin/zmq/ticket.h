// Ticket: where the outcome of a rendezvous is left for the I/O thread that waits for it. The I/O
// thread polls fd() and then calls Take(). Shared by both sides; either may be gone before the
// other.
#ifndef SAMEHOST_PLUGIN_ZMQ_TICKET_H_
#define SAMEHOST_PLUGIN_ZMQ_TICKET_H_

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>

#include "plugin/base/unique_fd.h"
#include "plugin/rendezvous/rendezvous.h"

namespace samehost::zmq_transport {

class Ticket {
 public:
  using Outcome = std::variant<rendezvous::Connected, Fallback>;

  Ticket() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  // Invalid (-1) when no descriptor was free.
  int fd() const { return fd_.get(); }

  // The first outcome counts.
  void Put(Outcome outcome) {
    {
      std::lock_guard lock(mutex_);
      if (outcome_.has_value()) return;
      outcome_ = std::move(outcome);
    }
    const uint64_t one = 1;
    (void)!write(fd_.get(), &one, sizeof(one));
  }

  // The peer is about to hand over its link: the outcome will come without anybody else's doing.
  void SetImminent() { imminent_.store(true, std::memory_order_relaxed); }  // relaxed: a hint
  bool imminent() const { return imminent_.load(std::memory_order_relaxed); }

  std::optional<Outcome> Take() {
    uint64_t count = 0;
    (void)!read(fd_.get(), &count, sizeof(count));
    std::lock_guard lock(mutex_);
    return std::exchange(outcome_, std::nullopt);
  }

 private:
  const UniqueFd fd_;
  std::atomic<bool> imminent_{false};
  std::mutex mutex_;
  std::optional<Outcome> outcome_;  // under mutex_
};

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_TICKET_H_
