#include "plugin/shm/lender.h"

#include "plugin/base/fork_guard.h"

namespace samehost::shm {
namespace {

// More leases than this at once are copies: each one costs private memory here.
constexpr size_t kMaxLoans = 4096;

}  // namespace

Lender::Lender(RingMemory memory, DirectionControl* control, PeerBell* bell)
    : memory_(std::move(memory)),
      fork_generation_(ForkGeneration()),
      control_(control),
      bell_(bell) {}

Lease Lender::Lend(uint64_t start, uint64_t end, uint64_t done) {
  std::lock_guard lock(mutex_);
  if (loans_.empty()) {
    done_ = done;
    PublishLocked();
  }
  const uint64_t oldest = loans_.empty() ? start : loans_.front().start;
  if (end - oldest > memory_.capacity / 2 || loans_.size() >= kMaxLoans) return Lease();
  const uint32_t slot = first_slot_ + static_cast<uint32_t>(loans_.size());
  loans_.push_back({start, false});
  // relaxed: the caller has a reference, so the count cannot be zero.
  references_.fetch_add(1, std::memory_order_relaxed);
  return Lease(this, slot);
}

bool Lender::Flush(uint64_t done) {
  std::lock_guard lock(mutex_);
  done_ = done;
  PublishLocked();
  return !loans_.empty();
}

void Lender::PublishLocked() {
  const uint64_t released = loans_.empty() ? done_ : loans_.front().start;
  if (released == published_ || control_ == nullptr) return;
  published_ = released;
  control_->tail.store(released, std::memory_order_release);  // SYNC(room)
  bell_->AfterRoom(released);
}

void Lender::Return(uint32_t slot) {
  // In a forked child another thread of the parent may have held the mutex, and the words belong to
  // the parent.
  if (ForkGeneration() == fork_generation_) {
    std::lock_guard lock(mutex_);
    loans_[slot - first_slot_].returned = true;
    while (!loans_.empty() && loans_.front().returned) {
      loans_.pop_front();
      ++first_slot_;
    }
    PublishLocked();
  }
  Unref();
}

void Lender::Retire() {
  if (ForkGeneration() != fork_generation_) return;
  std::lock_guard lock(mutex_);
  control_ = nullptr;
  bell_ = nullptr;
}

void Lender::Unref() {
  // acq_rel: the last one sees everything that the others did with the memory. SYNC(lender)
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

}  // namespace samehost::shm
