// Producer: the writing end of one direction. Owner: the link. One thread at a time; what is const
// may be called from any thread. Never blocks. A peer that lies about its tail breaks the link.
#ifndef SAMEHOST_PLUGIN_SHM_PRODUCER_H_
#define SAMEHOST_PLUGIN_SHM_PRODUCER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>

#include "plugin/shm/breaker.h"
#include "plugin/shm/layout.h"
#include "plugin/shm/peer_bell.h"
#include "plugin/shm/ring_memory.h"
#include "plugin/shm/ring_offer.h"

namespace samehost::shm {

class Producer {
 public:
  // All pointers and `socket` outlive this object. `first` is the ring of the segment.
  Producer(DirectionControl* control, CountersPage* counters, PeerBell* bell, Breaker* breaker,
           int socket, RingMemory first, uint32_t max_ring_bytes);

  // See Link for what these do.
  size_t max_record() const { return ring_.capacity / 4; }
  std::byte* Reserve(size_t bytes);
  void Commit(size_t bytes);
  void Publish();
  bool Send(std::span<const std::byte> head, std::span<const std::byte> body);
  bool AwaitRoom(size_t bytes);
  bool HasRoom() const {
    // relaxed: the position is this side's own; Reserve() reads the tail again with acquire.
    const uint64_t wanted = wanted_tail_.load(std::memory_order_relaxed);
    return wanted != 0 &&
           (control_->tail.load(std::memory_order_relaxed) >= wanted || offer_.accepted());
  }
  // Grows with everything that this side has sent. Any thread.
  uint64_t position() const { return published_data_.load(std::memory_order_relaxed); }
  bool PeerCaughtUp() const {
    return control_->taken.load(std::memory_order_acquire) >=  // SYNC(taken)
           published_data_.load(std::memory_order_relaxed);    // relaxed: this side's own
  }
  void WantRingBytes(size_t bytes);
  // Whether only the first ring is left, or the link is broken.
  bool TrimIdle();
  // Memory beyond the segment.
  size_t memory_bytes() const;

 private:
  // Whether a record of `need` bytes fits, with what is known or (refreshing) with the true tail.
  bool Fits(size_t need);
  bool RefreshTail();
  void ForgetRoom();
  void CountPublished();
  // Ends this ring with a switch record; the next record goes to `next`. What was left.
  RingMemory SwitchTo(RingMemory next);
  // Puts the header in front of a record that is complete; the first of a batch is held back.
  void Append(std::byte* place, uint64_t header);
  // Makes what was appended visible.
  void ReleaseFirst();
  void UseAcceptedRing();
  void LeavePunched(RingMemory next);

  DirectionControl* const control_;
  CountersPage* const counters_;
  PeerBell* const bell_;
  Breaker* const breaker_;
  RingMemory ring_;
  uint64_t position_ = 0;             // where the next record begins
  uint64_t published_ = 0;            // what the peer was told
  uint64_t visible_ = 0;              // what it can see, told or not: never behind published_
  uint64_t tail_ = 0;                 // the peer's tail as last read and checked
  uint64_t ring_start_ = 0;           // position at which this ring came into use
  uint64_t switch_end_ = 0;           // end of the last switch record to a grown ring
  size_t reserved_ = 0;               // payload bytes of the open reservation
  uint64_t data_end_ = 0;             // end of the last committed data record
  std::byte* first_place_ = nullptr;  // of the record that is held back; null: none
  uint64_t first_header_ = 0;         // what belongs there
  uint64_t new_records_ = 0;          // committed, not yet counted
  uint64_t new_bytes_ = 0;
  std::atomic<uint64_t> published_data_{0};  // data_end_ at the last Publish()
  std::atomic<uint64_t> wanted_tail_{0};     // what AwaitRoom() waits for; 0: nothing
  RingOffer offer_;
  RingMemory first_;                 // while a grown ring is in use
  mutable std::mutex memory_mutex_;  // for memory_bytes(): held while ring_ changes
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_PRODUCER_H_
