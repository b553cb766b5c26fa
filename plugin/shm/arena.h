// Arena: shared memory into which a sender writes its messages before they are sent, so that they
// need not be copied into the ring: the ring then only says where they lie (docs/design/arena.md).
// It consists of blocks, each a memfd that the peer maps once, for reading only (or, by agreement,
// for writing, too), and uses again and again.
//
// Owner: shared by the link and by whoever holds a block. Threads: any; the mutex is held for a
// moment, or while a new block is made. After Retire() and in a forked child Allocate() gives
// nothing and the rest does nothing. Failure: there is no block; copy instead.
#ifndef SAMEHOST_PLUGIN_SHM_ARENA_H_
#define SAMEHOST_PLUGIN_SHM_ARENA_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "plugin/base/mapping.h"
#include "plugin/shm/layout.h"
#include "plugin/shm/peer_bell.h"

namespace samehost::shm {

class Arena {
 public:
  struct Block {
    uint32_t number = 0;
    std::byte* data = nullptr;
    size_t size = 0;
  };

  // `control`: of the direction that this side produces into; it, `bell` and `socket` are used
  // until Retire(). `max_bytes`: of all blocks together, at most.
  Arena(DirectionControl* control, PeerBell* bell, int socket, uint32_t max_bytes,
        bool writable_blocks = false);

  // A block of at least `bytes`, for one local owner, that the peer has no part of any more. To be
  // written and sent now: tells the peer that a large message is coming and wakes it when it
  // sleeps, which takes as long as writing the message.
  enum class Use { kNow, kLater };
  std::optional<Block> Allocate(size_t bytes, Use use = Use::kNow);
  // A local owner has no further use for it.
  void Free(uint32_t number);
  // Counts one more reference that is about to be sent to the peer, who will give it back. False
  // when the peer has not mapped the block (yet): copy instead. Requires a local owner.
  bool Lend(uint32_t number);
  // The peer sends a block back instead of giving it back: this side is its local owner again.
  // False: the peer has no reference to it.
  std::optional<Block> TakeBack(uint32_t number);
  // Whether an announced message may still be to come; not asked again for the same. The producing
  // thread.
  bool TakeAnnounced() {
    // relaxed: a hint.
    return coming_.load(std::memory_order_relaxed) &&
           coming_.exchange(false, std::memory_order_relaxed);
  }
  // Gives what is not in use back to the kernel, here and at the peer. Whether all has gone.
  bool Trim();
  // The link is about to end.
  void Retire();
  // Bytes of shared memory in all blocks.
  size_t memory_bytes() const;

 private:
  struct Slot {
    Mapping mapping;    // invalid: no block has this number
    uint32_t lent = 0;  // references sent, the announcement included
    uint32_t base = 0;  // blocks_returned when it was announced
    // Local owners: it may be back before the one who sent it has done with it.
    uint32_t owners = 0;
  };
  bool Forked() const;
  Block Own(uint32_t number);
  uint32_t Returned(uint32_t number) const;
  // Whether the peer has given back every reference.
  bool Settled(uint32_t number) const;
  void Announce();
  std::optional<uint32_t> FindIdle(size_t bytes);
  std::optional<uint32_t> Make(size_t bytes);

  const uint32_t max_bytes_;
  const bool writable_blocks_;
  const uint64_t fork_generation_;
  std::atomic<bool> coming_{false};  // DirectionControl::coming is not 0, by Announce()
  mutable std::mutex mutex_;
  // All below: under the mutex.
  DirectionControl* control_;  // null: retired
  PeerBell* const bell_;
  const int socket_;
  uint32_t announced_ = 0;  // how often
  std::vector<Slot> slots_;
  std::vector<uint32_t> idle_;  // without local owners; the last one was used last
  size_t bytes_ = 0;
  uint64_t next_try_nanos_ = 0;
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_ARENA_H_
