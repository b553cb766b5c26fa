#include "plugin/shm/lender.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plugin/base/fork_guard.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace samehost::shm {
namespace {

// More leases than this at once are copies: each one costs private memory here.
constexpr size_t kMaxLoans = 4096;

// Puts a private mapping of the same file page in place of the shared one.
bool ReplaceByPrivate(std::byte* place, uint64_t bytes, int fd, uint64_t offset) {
  const int protection = PROT_READ | PROT_WRITE;
  const int flags = MAP_PRIVATE | MAP_FIXED;
#if defined(__SANITIZE_THREAD__)
  // ThreadSanitizer takes mmap() for a write to the range; readers see the same bytes all the
  // while.
  return syscall(SYS_mmap, place, bytes, protection, flags, fd, offset) != -1;
#else
  return mmap(place, bytes, protection, flags, fd, static_cast<off_t>(offset)) != MAP_FAILED;
#endif
}

}  // namespace

Lender::Lender(RingMemory memory, OwnTail* tail, PeerBell* bell)
    : memory_(std::move(memory)), fork_generation_(ForkGeneration()), tail_(tail), bell_(bell) {}

Lease Lender::Lend(uint64_t start, uint64_t end, uint64_t done) {
  std::lock_guard lock(mutex_);
  done_ = done;
  if (loans_.empty()) PublishLocked();
  const uint64_t oldest = loans_.empty() ? start : loans_.front().start;
  if (end - oldest > memory_.capacity / 2 || loans_.size() >= kMaxLoans) return Lease();
  const uint32_t slot = first_slot_ + static_cast<uint32_t>(loans_.size());
  loans_.push_back({start, end, false});
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
  if (released == published_ || tail_ == nullptr) return;
  published_ = released;
  tail_->Publish(released);
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

bool Lender::HasLoans() {
  std::lock_guard lock(mutex_);
  return !loans_.empty();
}

Status Lender::Detach(int fd, uint64_t offset) {
  std::lock_guard lock(mutex_);
  tail_ = nullptr;
  bell_ = nullptr;
  for (const Loan& loan : loans_) {
    if (loan.returned) continue;
    if (Status copied = CopyLoan(loan, fd, offset); !copied.ok()) return copied;
  }
  return {};
}

// SUBTLE: somebody may be reading the record all the while. A private file mapping in place of the
// shared one shows the same bytes (mmap replaces a mapping in one step for everybody else), and
// goes on showing them once its pages have been written to, which makes copies of them.
Status Lender::CopyLoan(const Loan& loan, int fd, uint64_t offset) {
  const uint64_t page = PageBytes();
  const uint64_t begin = (loan.start & (memory_.capacity - 1)) / page * page;
  const uint64_t end = (loan.start & (memory_.capacity - 1)) + (loan.end - loan.start);
  for (uint64_t at = begin; at < end; at += page) {
    std::byte* place = memory_.mapping.data() + at;
    const uint64_t in_file = offset + (at & (memory_.capacity - 1));
    if (!ReplaceByPrivate(place, page, fd, in_file)) {
      return Error{ErrorCode::kNoMemory, errno, "private copy of a lent record"};
    }
    // EINVAL: Linux before 5.14.
    if (madvise(place, page, MADV_POPULATE_WRITE) != 0 && errno != EINVAL) {
      return Error{ErrorCode::kNoMemory, errno, "copy of a lent record"};
    }
    // SUBTLE: a write that changes nothing, for kernels that know no MADV_POPULATE_WRITE and for
    // emulators that take every advice and follow none (qemu-user): the page must be a copy now.
    reinterpret_cast<std::atomic<uint8_t>*>(place)->fetch_or(0, std::memory_order_relaxed);
  }
  return {};
}

void Lender::Retire() {
  if (ForkGeneration() != fork_generation_) return;
  std::lock_guard lock(mutex_);
  tail_ = nullptr;
  bell_ = nullptr;
}

void Lender::Unref() {
  // acq_rel: the last one sees everything that the others did with the memory. SYNC(lender)
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

}  // namespace samehost::shm
