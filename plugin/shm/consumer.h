// Consumer: the reading end of one direction. Owner: the link. One thread at a time; HasInput(),
// LeasesStopPeer() and memory_bytes() any thread. Never blocks. Trusts nothing in the ring: each
// word is read once, checked, then used.
#ifndef SAMEHOST_PLUGIN_SHM_CONSUMER_H_
#define SAMEHOST_PLUGIN_SHM_CONSUMER_H_

#include <atomic>
#include <cstdint>
#include <mutex>

#include "plugin/shm/breaker.h"
#include "plugin/shm/layout.h"
#include "plugin/shm/lender.h"
#include "plugin/shm/link.h"
#include "plugin/shm/own_tail.h"
#include "plugin/shm/peer_bell.h"
#include "plugin/shm/ring_inbox.h"
#include "plugin/shm/ring_memory.h"

namespace samehost::shm {

class Consumer {
 public:
  // Where the first ring lies, to map it again.
  struct FirstRing {
    int segment;  // outlives the consumer
    uint64_t offset;
    uint32_t capacity;
    Result<RingMemory> Map() const;
  };
  // All pointers outlive this object. `may_lend`: the peer is trusted, so that its changing
  // a lent record is its own harm.
  Consumer(DirectionControl* control, CountersPage* counters, PeerBell* bell, Breaker* breaker,
           RingInbox* inbox, FirstRing first, RingMemory first_memory, uint32_t max_ring_bytes,
           bool may_lend);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // See Link for what these do.
  Link::Take Next(Record* record);
  void Done(const Record& record);
  void FlushDone();
  Lease Lend(const Record& record);
  void SetMessagesTaken(uint64_t messages) {
    messages_ = messages;
    messages_new_ = true;
    control_->messages_taken.store(messages, std::memory_order_relaxed);  // relaxed: one number
  }
  bool HasInput() const {
    // Whoever spins here gets the record's first line together with the head rather than after it.
    // relaxed: only an address; one that is unmapped by now does no harm.
    __builtin_prefetch(next_place_.load(std::memory_order_relaxed));
    // relaxed: Next() reads with acquire.
    return Ahead(control_->head.load(std::memory_order_relaxed),
                 read_.load(std::memory_order_relaxed)) ||
           breaker_->broken();
  }
  // The same for the consuming thread, a cache line sooner: a record that can be seen before the
  // head tells of it.
  bool InputHere() const {
    // relaxed: own.
    const uint64_t read = read_.load(std::memory_order_relaxed);
    return LoadWord(data_ + (read & (capacity_ - 1))) != 0 || breaker_->broken();
  }
  // Whether the peer waits for room that only leases hold up: then Next() must be called, which
  // takes care of it in the end.
  bool LeasesStopPeer() const;
  // Where the next record begins: grows with everything that the peer has sent. Any thread.
  uint64_t position() const { return read_.load(std::memory_order_relaxed); }
  // Memory beyond the segment.
  size_t memory_bytes() const;

 private:
  static bool Ahead(uint64_t head, uint64_t read) { return static_cast<int64_t>(head - read) > 0; }
  static uint64_t LoadWord(const std::byte* place) {
    // Atomic, so that it is read exactly once. SYNC(record)
    return reinterpret_cast<const std::atomic<uint64_t>*>(place)->load(std::memory_order_acquire);
  }
  bool Plausible(uint64_t head, uint64_t read) const;
  void SetRead(uint64_t position);
  Link::Take Empty();
  Link::Take Broken(const char* rule);
  // Everything that was read has been given back.
  bool NothingOutstanding() const {
    return done_ == read_.load(std::memory_order_relaxed);  // relaxed: own
  }
  // Goes on in the ring that the switch record at `place` names. kEmpty: not yet.
  Link::Take TakeSwitch(const std::byte* place, uint32_t length);
  bool Use(RingMemory memory);
  bool UseFirstRing();
  void UseLender(Lender* lender);
  void LeaveRing();
  // Frees the ring of leases that have stopped the peer for long.
  void DetachLeases();

  DirectionControl* const control_;
  OwnTail tail_;
  CountersPage* const counters_;
  PeerBell* const bell_;
  Breaker* const breaker_;
  RingInbox* const inbox_;
  const FirstRing first_;
  const uint32_t max_ring_bytes_;
  const bool may_lend_;
  Lender* lender_ = nullptr;        // the ring in use; one reference is ours
  Lender* first_lender_ = nullptr;  // the first ring while another is in use, or nullptr
  std::byte* data_ = nullptr;       // lender_'s mapping
  uint32_t capacity_ = 0;           // and its size
  uint64_t done_ = 0;               // everything before it was given back
  uint64_t flushed_ = 0;            // done_ as of the last flush
  bool lending_ = false;            // something may be lent: then only lender_ writes the tail
  uint64_t stopped_since_ = 0;      // nanoseconds; 0: leases do not stop the peer
  uint64_t messages_ = 0;           // SetMessagesTaken()
  bool messages_new_ = false;       // not yet told the peer
  uint64_t new_records_ = 0;        // read, not yet counted
  uint64_t new_bytes_ = 0;
  std::atomic<const std::byte*> next_place_{nullptr};  // of the record at read_
  std::atomic<uint64_t> read_{0};   // where the next record begins; written by the consuming thread
  std::atomic<uint64_t> taken_{0};  // private copy of DirectionControl::taken
  std::atomic<bool> cannot_detach_{false};
  mutable std::mutex memory_mutex_;  // for memory_bytes(): held while ring_fd_ changes
  UniqueFd ring_fd_;                 // of a grown ring
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_CONSUMER_H_
