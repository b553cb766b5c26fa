// RingInbox: larger rings that the peer's producer offers, on their way from the socket to the
// consumer. At most one is under way.
//
// Owner: the link. Receive(): whoever reads the socket, one thread at a time. Take(): the consuming
// thread. memory_bytes(): any thread. An offer that breaks the rules, or comes absurdly often,
// breaks the link; one that this side has no means for is refused.
#ifndef SAMEHOST_PLUGIN_SHM_RING_INBOX_H_
#define SAMEHOST_PLUGIN_SHM_RING_INBOX_H_

#include <cstdint>
#include <mutex>
#include <optional>

#include "plugin/shm/breaker.h"
#include "plugin/shm/frame.h"
#include "plugin/shm/layout.h"
#include "plugin/shm/peer_bell.h"
#include "plugin/shm/ring_memory.h"

namespace samehost::shm {

class RingInbox {
 public:
  // All pointers outlive this object. `control`: of the direction that this side consumes.
  RingInbox(DirectionControl* control, PeerBell* bell, Breaker* breaker, uint32_t max_ring_bytes);

  void Receive(ReceivedFrame offer);
  // The ring that was offered as `generation`, if there is one.
  std::optional<RingMemory> Take(uint32_t generation);
  size_t memory_bytes() const;

 private:
  bool Allowed(const ReceivedFrame& offer);
  void Answer(uint32_t word);

  DirectionControl* const control_;
  PeerBell* const bell_;
  Breaker* const breaker_;
  const uint32_t max_ring_bytes_;
  const uint64_t started_nanos_;
  uint64_t offers_ = 0;
  mutable std::mutex mutex_;
  std::optional<RingMemory> ring_;  // under mutex_
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_RING_INBOX_H_
