// OwnTail: how far the consumer has released the ring. The shared word tells the peer, who can also
// write it; so this side never reads it back.
#ifndef SAMEHOST_PLUGIN_SHM_OWN_TAIL_H_
#define SAMEHOST_PLUGIN_SHM_OWN_TAIL_H_

#include <atomic>
#include <cstdint>

#include "plugin/shm/layout.h"

namespace samehost::shm {

class OwnTail {
 public:
  // `control` outlives this object.
  explicit OwnTail(DirectionControl* control) : control_(control) {}

  // One thread at a time.
  void Publish(uint64_t position) {
    position_.store(position, std::memory_order_relaxed);       // relaxed: pollers only compare
    control_->tail.store(position, std::memory_order_release);  // SYNC(room)
  }
  // Any thread.
  uint64_t position() const { return position_.load(std::memory_order_relaxed); }

 private:
  DirectionControl* const control_;
  std::atomic<uint64_t> position_{0};
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_OWN_TAIL_H_
