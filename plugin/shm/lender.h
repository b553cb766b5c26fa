// Lender: the mapping of one ring as its consumer holds it, and the records of it that are lent
// out.
//
// Owner: counts references: the consumer's and one for every lease; the mapping goes with the last.
// Threads: Return() any thread; everything else the consuming thread. The mutex is taken only while
// something is lent. After Retire(), and in a forked child, returned leases touch nothing shared.
#ifndef SAMEHOST_PLUGIN_SHM_LENDER_H_
#define SAMEHOST_PLUGIN_SHM_LENDER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>

#include "plugin/shm/link.h"
#include "plugin/shm/own_tail.h"
#include "plugin/shm/peer_bell.h"
#include "plugin/shm/ring_memory.h"

namespace samehost::shm {

class Lender final : public Lease::Owner {
 public:
  // Comes with the consumer's reference; give it back with Unref(). `tail` and `bell` are used
  // until Retire().
  Lender(RingMemory memory, OwnTail* tail, PeerBell* bell);

  const RingMemory& memory() const { return memory_; }

  // Lends the record at [start, end). `done`: everything before it has been given back. Invalid
  // when half the ring would be held up.
  Lease Lend(uint64_t start, uint64_t end, uint64_t done);
  // Everything before `done` has been given back but for what is lent: publishes what can be
  // released. False when nothing is lent any more (then all up to `done` was published).
  bool Flush(uint64_t done);
  bool HasLoans();
  // Leases that come back later release nothing.
  void Retire();
  // Retire(), and the lent records get private copies under their present addresses, so that the
  // ring's memory (`fd` from `offset`) may be overwritten. Errors: kNoMemory.
  Status Detach(int fd, uint64_t offset);
  void Unref();

  void Return(uint32_t slot) override;

 private:
  struct Loan {
    uint64_t start;
    uint64_t end;
    bool returned;
  };
  ~Lender() = default;
  void PublishLocked();
  Status CopyLoan(const Loan& loan, int fd, uint64_t offset);

  RingMemory memory_;
  const uint64_t fork_generation_;
  std::atomic<uint32_t> references_{1};

  std::mutex mutex_;
  // All below: under the mutex.
  OwnTail* tail_;
  PeerBell* bell_;
  std::deque<Loan> loans_;   // by position; the first one is not returned
  uint32_t first_slot_ = 0;  // slot of loans_.front()
  uint64_t done_ = 0;
  uint64_t published_ = 0;
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_LENDER_H_
