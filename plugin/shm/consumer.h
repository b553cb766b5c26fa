// Consumer: the reading end of one direction. Owner: the link. One thread at a time; HasInput() any
// thread. Never blocks. Trusts nothing in the ring: each word is read once, checked, then used.
#ifndef SAMEHOST_PLUGIN_SHM_CONSUMER_H_
#define SAMEHOST_PLUGIN_SHM_CONSUMER_H_

#include <atomic>
#include <cstdint>

#include "plugin/shm/breaker.h"
#include "plugin/shm/layout.h"
#include "plugin/shm/lender.h"
#include "plugin/shm/link.h"
#include "plugin/shm/peer_bell.h"
#include "plugin/shm/ring_memory.h"

namespace samehost::shm {

class Consumer {
 public:
  // All pointers outlive this object. `first` is the ring of the segment. `may_lend`: the peer is
  // the same user, so that its changing a lent record is its own harm.
  Consumer(DirectionControl* control, CountersPage* counters, PeerBell* bell, Breaker* breaker,
           RingMemory first, uint32_t max_ring_bytes, bool may_lend);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // See Link for what these do.
  Link::Take Next(Record* record);
  void Done(const Record& record);
  void FlushDone();
  Lease Lend(const Record& record);
  bool HasInput() const {
    // relaxed: Next() reads the head again with acquire.
    return control_->head.load(std::memory_order_relaxed) !=
               read_.load(std::memory_order_relaxed) ||
           breaker_->broken();
  }

 private:
  bool RefreshHead();
  Link::Take Broken(const char* rule);

  DirectionControl* const control_;
  CountersPage* const counters_;
  PeerBell* const bell_;
  Breaker* const breaker_;
  const uint32_t max_ring_bytes_;
  const bool may_lend_;
  Lender* lender_;            // the ring in use; one reference is ours
  std::byte* data_;           // lender_'s mapping
  uint32_t capacity_;         // and its size
  uint64_t head_ = 0;         // the peer's head as last read and checked
  uint64_t done_ = 0;         // everything before it was given back
  uint64_t flushed_ = 0;      // done_ as of the last flush
  bool lending_ = false;      // something may be lent: then only lender_ writes the tail
  uint64_t new_records_ = 0;  // read, not yet counted
  uint64_t new_bytes_ = 0;
  std::atomic<uint64_t> read_{0};  // where the next record begins; written by the consuming thread
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_CONSUMER_H_
