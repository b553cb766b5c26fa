#include "plugin/shm/ring_inbox.h"

#include <utility>

#include "plugin/base/clock.h"
#include "plugin/shm/segment.h"

namespace samehost::shm {
namespace {

// An honest producer leaves 20 ms between its offers (ring_offer.cc).
constexpr uint64_t kOffersAtOnce = 16;
constexpr uint64_t kNanosPerOffer = 10'000'000;

}  // namespace

RingInbox::RingInbox(DirectionControl* control, PeerBell* bell, Breaker* breaker,
                     uint32_t max_ring_bytes)
    : control_(control),
      bell_(bell),
      breaker_(breaker),
      max_ring_bytes_(max_ring_bytes),
      started_nanos_(MonotonicNanos()) {}

bool RingInbox::Allowed(const ReceivedFrame& offer) {
  const Frame& frame = offer.frame;
  ++offers_;
  const uint64_t nanos = MonotonicNanos() - started_nanos_;
  const char* rule = nullptr;
  if (offers_ > kOffersAtOnce + nanos / kNanosPerOffer) rule = "offers of rings without end";
  if (!ValidRingBytes(frame.bytes) || frame.bytes > max_ring_bytes_)
    rule = "size of an offered ring";
  if (frame.generation != static_cast<uint32_t>(offers_)) rule = "number of an offered ring";
  if (!offer.fd.valid() && !offer.truncated) rule = "offer of a ring without memory";
  if (std::lock_guard lock(mutex_); ring_.has_value()) rule = "two offered rings at once";
  if (rule != nullptr) breaker_->Violation(rule);
  return rule == nullptr;
}

void RingInbox::Receive(ReceivedFrame offer) {
  if (!Allowed(offer)) return;
  const Frame frame = offer.frame;
  // No descriptor was free in this process.
  if (!offer.fd.valid()) return Answer(frame.generation | kRefusedRing);
  if (Status checked = CheckSealedMemory(offer.fd.get(), frame.bytes); !checked.ok()) {
    breaker_->Break(checked.error());
    return;
  }
  Result<Mapping> mapping =
      Mapping::Mirrored(offer.fd.get(), 0, frame.bytes, {.access = Mapping::Access::kRead});
  if (!mapping.ok()) return Answer(frame.generation | kRefusedRing);
  {
    std::lock_guard lock(mutex_);
    ring_ = RingMemory{std::move(offer.fd), *std::move(mapping), static_cast<uint32_t>(frame.bytes),
                       frame.generation};
  }
  Answer(frame.generation);
}

void RingInbox::Answer(uint32_t word) {
  control_->acknowledged.store(word, std::memory_order_release);  // SYNC(ring)
  // A new ring is as good as room for a producer that waits for it.
  bell_->AfterRoom(UINT64_MAX);
}

std::optional<RingMemory> RingInbox::Take(uint32_t generation) {
  std::lock_guard lock(mutex_);
  if (!ring_.has_value() || ring_->generation != generation) return std::nullopt;
  return std::exchange(ring_, std::nullopt);
}

size_t RingInbox::memory_bytes() const {
  std::lock_guard lock(mutex_);
  return ring_.has_value() ? BackedBytes(ring_->fd.get()) : 0;
}

}  // namespace samehost::shm
