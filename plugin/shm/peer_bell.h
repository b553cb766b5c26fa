// PeerBell: rings the peer's doorbell when the sleep protocol (wake.h) says so, and counts.
// Owner: the link. Any thread; not in a forked child.
#ifndef SAMEHOST_PLUGIN_SHM_PEER_BELL_H_
#define SAMEHOST_PLUGIN_SHM_PEER_BELL_H_

#include <sched.h>

#include <atomic>
#include <cstdint>

#include "plugin/base/clock.h"
#include "plugin/shm/doorbell.h"
#include "plugin/shm/layout.h"
#include "plugin/shm/wake.h"

namespace samehost::shm {

class PeerBell {
 public:
  // `outgoing` is the direction that this side produces into: the peer's watch word is there.
  // `incoming` holds the peer's wish for room. All outlive this object.
  PeerBell(DirectionControl* outgoing, DirectionControl* incoming, const Doorbell* doorbell,
           CountersPage* counters)
      : outgoing_(outgoing), incoming_(incoming), doorbell_(doorbell), counters_(counters) {}

  void AfterRecords() {
    if (Wake::MustRingForRecords(outgoing_->watch)) Ring();
  }
  void AfterRoom(uint64_t tail) {
    if (Wake::MustRingForRoom(incoming_->awaited_tail, tail, outgoing_->watch)) Ring();
  }
  void AfterTaken(uint64_t tail, uint64_t messages) {
    if (Wake::MustRingForTaken(incoming_->awaited_tail, tail, incoming_->awaited_messages, messages,
                               outgoing_->watch)) {
      Ring();
    }
  }
  // For a sender that has waited in vain.
  void RingBusy() {
    if (!Wake::MustRingBusy(outgoing_->watch)) return;
    counters_->doorbells_deferred.fetch_add(1, std::memory_order_relaxed);
    Ring();
  }

  // Whether it has rung since this was asked last.
  bool TakeRang() {
    return rang_.load(std::memory_order_relaxed) &&
           rang_.exchange(false, std::memory_order_relaxed);
  }

 private:
  void Ring() {
    // relaxed: a counter.
    counters_->doorbells_rung.fetch_add(1, std::memory_order_relaxed);
    // Hints, both.
    outgoing_->rung_nanos.store(MonotonicNanos(), std::memory_order_relaxed);
    outgoing_->rung_on.store(static_cast<uint32_t>(sched_getcpu() + 1), std::memory_order_relaxed);
    doorbell_->RingPeer();
    rang_.store(true, std::memory_order_relaxed);  // a hint
  }

  DirectionControl* outgoing_;
  DirectionControl* incoming_;
  const Doorbell* doorbell_;
  CountersPage* counters_;
  std::atomic<bool> rang_{false};
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_PEER_BELL_H_
