// RingOffer: how a producer gets a larger ring. It makes one, sends it over the socket, and learns
// through DirectionControl::acknowledged whether the consumer has mapped it (docs/design/ring.md).
//
// Owner: the producer. Its thread, but for accepted() and memory_bytes(), which any thread may
// call. Never blocks. What cannot be had is simply not offered; the next try comes later.
#ifndef SAMEHOST_PLUGIN_SHM_RING_OFFER_H_
#define SAMEHOST_PLUGIN_SHM_RING_OFFER_H_

#include <atomic>
#include <cstdint>
#include <mutex>

#include "plugin/shm/layout.h"
#include "plugin/shm/ring_memory.h"

namespace samehost::shm {

class RingOffer {
 public:
  // `control` and `socket` outlive this object. `max_ring_bytes`: what this side wants at most.
  RingOffer(DirectionControl* control, int socket, uint32_t max_ring_bytes)
      : control_(control), socket_(socket), max_ring_bytes_(max_ring_bytes) {}

  // Offers a ring of at least `bytes` (or the largest possible) if that is more than `capacity`,
  // nothing is on offer, and the last try is long enough ago.
  void Want(size_t bytes, uint32_t capacity);
  // Whether the consumer has said yes, and Take() gives the ring.
  bool accepted() const {
    const uint32_t pending = pending_.load(std::memory_order_relaxed);  // relaxed: own
    return pending != 0 &&
           control_->acknowledged.load(std::memory_order_acquire) == pending;  // SYNC(ring)
  }
  // Whether a ring is on offer, accepted or not.
  bool pending() const { return pending_.load(std::memory_order_relaxed) != 0; }  // relaxed: own
  // Drops a ring that the consumer refused.
  void DropRefused();
  // Requires accepted().
  RingMemory Take();
  size_t memory_bytes() const;

 private:
  uint32_t Limit() const;
  bool Make(uint32_t bytes);

  DirectionControl* const control_;
  const int socket_;
  const uint32_t max_ring_bytes_;
  uint32_t last_generation_ = 0;
  uint64_t next_try_nanos_ = 0;
  std::atomic<uint32_t> pending_{0};  // generation on offer; 0: none
  mutable std::mutex mutex_;          // for memory_bytes()
  RingMemory ring_;
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_RING_OFFER_H_
