#include "plugin/shm/arena.h"

#include <algorithm>
#include <bit>

#include "plugin/base/clock.h"
#include "plugin/base/fork_guard.h"
#include "plugin/shm/frame.h"
#include "plugin/shm/segment.h"

namespace samehost::shm {
namespace {

// Memory or descriptors are short: no use in asking soon again.
constexpr uint64_t kNanosAfterFailure = 200'000'000;

// Four sizes between one power of two and the next, so that blocks fit other messages as well.
size_t BlockBytes(size_t bytes) {
  const size_t step = std::max(PageBytes(), std::bit_floor(bytes) / 4);
  return (bytes + step - 1) / step * step;
}

}  // namespace

Arena::Arena(DirectionControl* control, PeerBell* bell, int socket, uint32_t max_bytes,
             bool writable_blocks)
    : max_bytes_(max_bytes),
      writable_blocks_(writable_blocks),
      fork_generation_(ForkGeneration()),
      control_(control),
      bell_(bell),
      socket_(socket) {}

bool Arena::Forked() const { return fork_generation_ != ForkGeneration(); }

uint32_t Arena::Returned(uint32_t number) const {
  return control_->blocks_returned[number].load(std::memory_order_acquire);  // SYNC(block)
}

bool Arena::Settled(uint32_t number) const {
  const Slot& slot = slots_[number];
  return Returned(number) - slot.base == slot.lent;
}

std::optional<Arena::Block> Arena::Allocate(size_t bytes, Use use) {
  if (Forked() || bytes == 0 || bytes > max_bytes_) return std::nullopt;
  std::lock_guard lock(mutex_);
  if (control_ == nullptr) return std::nullopt;
  std::optional<uint32_t> number = FindIdle(bytes);
  if (!number.has_value()) number = Make(BlockBytes(bytes));
  if (!number.has_value()) return std::nullopt;
  if (use == Use::kNow) Announce();
  return Own(*number);
}

Arena::Block Arena::Own(uint32_t number) {
  Slot& slot = slots_[number];
  ++slot.owners;
  return Block{number, slot.mapping.data(), slot.mapping.size()};
}

void Arena::Announce() {
  if (++announced_ == 0) announced_ = 1;
  control_->coming.store(announced_, std::memory_order_relaxed);  // a hint
  coming_.store(true, std::memory_order_relaxed);
  bell_->AfterRecords();
}

// The one that was used last is the one that is still in the cache.
std::optional<uint32_t> Arena::FindIdle(size_t bytes) {
  for (size_t i = idle_.size(); i-- > 0;) {
    const uint32_t number = idle_[i];
    const size_t size = slots_[number].mapping.size();
    if (size < bytes || size / 2 > bytes || !Settled(number)) continue;
    idle_.erase(idle_.begin() + static_cast<ptrdiff_t>(i));
    return number;
  }
  return std::nullopt;
}

std::optional<uint32_t> Arena::Make(size_t bytes) {
  // relaxed: plain numbers, checked here.
  const uint32_t peer_max = control_->max_arena_bytes.load(std::memory_order_relaxed);
  if (control_->blocks_refused.load(std::memory_order_relaxed) != 0) return std::nullopt;
  if (bytes_ + bytes > std::min(max_bytes_, peer_max)) return std::nullopt;
  const auto free = std::find_if(slots_.begin(), slots_.end(),
                                 [](const Slot& slot) { return !slot.mapping.valid(); });
  if (free == slots_.end() && slots_.size() == kMaxBlocks) return std::nullopt;
  const uint64_t now = MonotonicNanos();
  if (now < next_try_nanos_) return std::nullopt;
  next_try_nanos_ = now + kNanosAfterFailure;
  Result<BlockMemory> memory = MakeBlockMemory(bytes, writable_blocks_);
  if (!memory.ok()) return std::nullopt;
  const auto number = static_cast<uint32_t>(free - slots_.begin());
  const uint32_t base = Returned(number);  // the peer may be quick
  if (!SendFrame(socket_, Frame{FrameType::kBlock, number, bytes}, memory->fd.get())) {
    return std::nullopt;
  }
  next_try_nanos_ = 0;
  if (free == slots_.end()) slots_.emplace_back();
  Slot& slot = slots_[number];
  slot.mapping = std::move(memory->mapping);
  slot.base = base;
  slot.lent = 1;
  slot.owners = 0;
  bytes_ += bytes;
  return number;
}

void Arena::Free(uint32_t number) {
  if (Forked()) return;
  std::lock_guard lock(mutex_);
  if (--slots_[number].owners == 0) idle_.push_back(number);
}

bool Arena::Lend(uint32_t number) {
  if (Forked()) return false;
  std::lock_guard lock(mutex_);
  if (control_ == nullptr) return false;
  Slot& slot = slots_[number];
  // Nothing given back: not even its being mapped. A peer that counts wrongly gets no more.
  if (const uint32_t returned = Returned(number) - slot.base; returned - 1 >= slot.lent)
    return false;
  ++slot.lent;
  return true;
}

std::optional<Arena::Block> Arena::TakeBack(uint32_t number) {
  if (Forked()) return std::nullopt;
  std::lock_guard lock(mutex_);
  if (control_ == nullptr || number >= slots_.size()) return std::nullopt;
  Slot& slot = slots_[number];
  if (!slot.mapping.valid()) return std::nullopt;
  // Its being mapped is no reference that could be sent back.
  const uint32_t returned = Returned(number) - slot.base;
  if (returned == 0 || returned >= slot.lent) return std::nullopt;
  --slot.lent;
  if (slot.owners == 0) std::erase(idle_, number);
  return Own(number);
}

bool Arena::Trim() {
  if (Forked()) return true;
  std::lock_guard lock(mutex_);
  if (control_ == nullptr) return true;
  std::erase_if(idle_, [this](uint32_t number) {
    if (!Settled(number) || !SendFrame(socket_, Frame{FrameType::kDropBlock, number, 0})) {
      return false;
    }
    bytes_ -= slots_[number].mapping.size();
    slots_[number].mapping.Reset();
    return true;
  });
  return bytes_ == 0;
}

void Arena::Retire() {
  if (Forked()) return;
  std::lock_guard lock(mutex_);
  control_ = nullptr;
}

size_t Arena::memory_bytes() const {
  if (Forked()) return 0;
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace samehost::shm
