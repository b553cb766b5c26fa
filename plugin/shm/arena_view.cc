#include "plugin/shm/arena_view.h"

#include <functional>
#include <utility>

#include "plugin/base/fork_guard.h"
#include "plugin/shm/segment.h"

namespace samehost::shm {

// One block: counts references, the view's and one for every lease.
class ArenaView::View final : public Lease::Owner {
 public:
  View(Mapping block, std::atomic<uint32_t>* returned, std::shared_ptr<const Mapping> memory)
      : block_(std::move(block)),
        returned_(returned),
        memory_(std::move(memory)),
        fork_generation_(ForkGeneration()) {
    GiveBack();  // it is mapped
  }

  Borrowed Borrow(uint32_t offset, uint32_t length) {
    // relaxed: the caller holds a reference.
    references_.fetch_add(1, std::memory_order_relaxed);
    return {{block_.data() + offset, length}, Lease(this, 0)};
  }
  void Return(uint32_t) override {
    GiveBack();
    Drop();
  }
  void Drop() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  size_t size() const { return block_.size(); }
  std::optional<uint32_t> OffsetOf(std::span<const std::byte> bytes) const {
    const std::less_equal<const std::byte*> before;
    const std::byte* const end = block_.data() + block_.size();
    if (!before(block_.data(), bytes.data()) || !before(bytes.data() + bytes.size(), end)) {
      return std::nullopt;
    }
    return static_cast<uint32_t>(bytes.data() - block_.data());
  }

 private:
  ~View() = default;
  void GiveBack() {
    if (fork_generation_ != ForkGeneration()) return;
    returned_->fetch_add(1, std::memory_order_release);  // SYNC(block)
  }

  const Mapping block_;
  std::atomic<uint32_t>* const returned_;
  const std::shared_ptr<const Mapping> memory_;  // where `returned_` lies
  const uint64_t fork_generation_;
  std::atomic<uint32_t> references_{1};
};

void ArenaView::Unref::operator()(View* view) const { view->Drop(); }

ArenaView::ArenaView(DirectionControl* control, std::shared_ptr<const Mapping> memory,
                     Breaker* breaker, uint32_t max_bytes, bool writable_blocks)
    : control_(control),
      memory_(std::move(memory)),
      breaker_(breaker),
      max_bytes_(max_bytes),
      writable_blocks_(writable_blocks) {
  // relaxed: one number, good whenever the peer sees it.
  control_->max_arena_bytes.store(max_bytes, std::memory_order_relaxed);
}

ArenaView::~ArenaView() = default;

void ArenaView::Receive(ReceivedFrame received) {
  const Frame& frame = received.frame;
  std::lock_guard lock(mutex_);
  if (frame.generation >= kMaxBlocks) return breaker_->Violation("number of a block");
  if (frame.generation >= views_.size()) views_.resize(frame.generation + 1);
  auto& view = views_[frame.generation];
  if (view != nullptr) return breaker_->Violation("two blocks of one number");
  if (frame.bytes == 0 || frame.bytes % PageBytes() != 0 || frame.bytes > max_bytes_ - bytes_) {
    return breaker_->Violation("size of a block");
  }
  if (!received.fd.valid() && !received.truncated) {
    return breaker_->Violation("block without memory");
  }
  Result<Mapping> mapping = Error{ErrorCode::kSystem, 0, "no descriptor was free"};
  if (received.fd.valid()) {
    if (Status checked = CheckBlockMemory(received.fd.get(), frame.bytes, writable_blocks_);
        !checked.ok()) {
      return breaker_->Break(checked.error());
    }
    mapping = Mapping::Shared(
        received.fd.get(), 0, frame.bytes,
        {.access = writable_blocks_ ? Mapping::Access::kReadWrite : Mapping::Access::kRead,
         .populate = true});
  }
  if (!mapping.ok()) {
    // relaxed: nothing is read because of it.
    control_->blocks_refused.store(1, std::memory_order_relaxed);
    return;
  }
  bytes_ += frame.bytes;
  view.reset(new View(*std::move(mapping), &control_->blocks_returned[frame.generation], memory_));
}

void ArenaView::Drop(uint32_t number) {
  std::lock_guard lock(mutex_);
  if (number >= views_.size() || views_[number] == nullptr) {
    return breaker_->Violation("number of a block to drop");
  }
  bytes_ -= views_[number]->size();
  views_[number].reset();
}

Borrowed ArenaView::Borrow(const BlockReference& reference) {
  std::lock_guard lock(mutex_);
  if (reference.block >= views_.size() || views_[reference.block] == nullptr) return {};
  View& view = *views_[reference.block];
  if (reference.length == 0 || reference.length > view.size() ||
      reference.offset > view.size() - reference.length) {
    return {};
  }
  return view.Borrow(reference.offset, reference.length);
}

std::optional<BlockReference> ArenaView::SendBack(Lease* lease, std::span<const std::byte> bytes) {
  std::lock_guard lock(mutex_);
  for (size_t number = 0; number < views_.size(); ++number) {
    View* view = views_[number].get();
    if (view == nullptr || !lease->BelongsTo(view)) continue;
    const std::optional<uint32_t> offset = view->OffsetOf(bytes);
    if (!offset.has_value()) return std::nullopt;
    lease->Forget();
    view->Drop();
    return BlockReference{static_cast<uint32_t>(number), *offset,
                          static_cast<uint32_t>(bytes.size()), 0};
  }
  return std::nullopt;
}

size_t ArenaView::memory_bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace samehost::shm
