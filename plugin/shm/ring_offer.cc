#include "plugin/shm/ring_offer.h"

#include <algorithm>
#include <bit>

#include "plugin/base/clock.h"
#include "plugin/shm/frame.h"
#include "plugin/shm/segment.h"

namespace samehost::shm {
namespace {

// Well below what RingInbox tolerates.
constexpr uint64_t kNanosBetweenOffers = 20'000'000;
// Memory or descriptors are short: no use in asking soon again.
constexpr uint64_t kNanosAfterFailure = 200'000'000;

}  // namespace

uint32_t RingOffer::Limit() const {
  // relaxed: one number, checked here.
  const uint32_t peer = control_->max_ring_bytes.load(std::memory_order_relaxed);
  return ValidRingBytes(peer) ? std::min(peer, max_ring_bytes_) : 0;
}

void RingOffer::Want(size_t bytes, uint32_t capacity) {
  if (bytes <= capacity || capacity >= max_ring_bytes_) return;
  if (pending_.load(std::memory_order_relaxed) != 0) return;  // relaxed: own
  const uint32_t limit = Limit();
  if (limit <= capacity) return;
  const uint64_t now = MonotonicNanos();
  if (now < next_try_nanos_) return;
  const uint32_t size = bytes >= limit ? limit : std::bit_ceil(static_cast<uint32_t>(bytes));
  next_try_nanos_ = now + (Make(size) ? kNanosBetweenOffers : kNanosAfterFailure);
}

bool RingOffer::Make(uint32_t bytes) {
  Result<UniqueFd> memory = MakeSealedMemory(kRingMemoryName, bytes);
  if (!memory.ok()) return false;
  Result<Mapping> mapping = Mapping::Mirrored(memory->get(), 0, bytes, {});
  if (!mapping.ok()) return false;
  const uint32_t generation = last_generation_ + 1;
  std::lock_guard lock(mutex_);
  ring_ = RingMemory{*std::move(memory), *std::move(mapping), bytes, generation};
  const Frame frame{FrameType::kRing, generation, bytes};
  if (!SendFrame(socket_, frame, ring_.fd.get())) {
    ring_ = RingMemory();
    return false;
  }
  last_generation_ = generation;
  pending_.store(generation, std::memory_order_relaxed);  // relaxed: pollers only compare
  return true;
}

void RingOffer::DropRefused() {
  const uint32_t pending = pending_.load(std::memory_order_relaxed);  // relaxed: own
  if (pending == 0) return;
  // relaxed: nothing is read because of it.
  if (control_->acknowledged.load(std::memory_order_relaxed) != (pending | kRefusedRing)) return;
  next_try_nanos_ = MonotonicNanos() + kNanosAfterFailure;
  Take();
}

RingMemory RingOffer::Take() {
  pending_.store(0, std::memory_order_relaxed);
  std::lock_guard lock(mutex_);
  return std::move(ring_);
}

size_t RingOffer::memory_bytes() const {
  std::lock_guard lock(mutex_);
  return BackedBytes(ring_.fd.get());
}

}  // namespace samehost::shm
