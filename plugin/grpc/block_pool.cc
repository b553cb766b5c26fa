#include "plugin/grpc/block_pool.h"

#include <sys/mman.h>

#include <bit>
#include <utility>

#include "plugin/grpc/tsan.h"
#include "src/core/lib/slice/slice_refcount.h"

namespace samehost::grpc_transport {
namespace {

constexpr size_t kHugePage = 2 * 1024 * 1024;

// Large blocks lie on huge pages where the kernel has some at hand: fewer faults, fewer TLB misses.
void* MapBlock(size_t size) {
  const size_t slack = size >= kHugePage ? kHugePage : 0;
  void* mapped = mmap(nullptr, size + slack, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  if (slack == 0) return mapped;
  char* const begin = static_cast<char*>(mapped);
  char* const block = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(begin) + kHugePage - 1) &
                                              ~(kHugePage - 1));
  if (block > begin) munmap(begin, static_cast<size_t>(block - begin));
  const size_t rest = static_cast<size_t>(begin + size + slack - (block + size));
  if (rest > 0) munmap(block + size, rest);
  madvise(block, size, MADV_HUGEPAGE);
  return block;
}

}  // namespace

struct BlockPool::BlockSlice : grpc_slice_refcount {
  BlockSlice(std::shared_ptr<BlockPool> pool, Block block,
             grpc_core::MemoryAllocator::Reservation reservation)
      : grpc_slice_refcount(Destroy),
        pool(std::move(pool)),
        block(block),
        reservation(std::move(reservation)) {}
  static void Destroy(grpc_slice_refcount* base) {
    auto* self = static_cast<BlockSlice*>(base);
    TakenOver(self);
    self->pool->Put(self->block);
    delete self;
  }
  std::shared_ptr<BlockPool> pool;
  Block block;
  grpc_core::MemoryAllocator::Reservation reservation;
};

bool BlockPool::Allocate(size_t bytes, grpc_core::MemoryAllocator::Reservation reservation,
                         grpc_slice* slice) {
  Block block{nullptr, std::bit_ceil(bytes)};
  {
    std::lock_guard<std::mutex> lock(mutex_);
    // The one that was used last is the one that is still in the cache.
    for (size_t i = unused_.size(); i-- > 0;) {
      if (unused_[i].size != block.size) continue;
      block = unused_[i];
      unused_.erase(unused_.begin() + static_cast<ptrdiff_t>(i));
      unused_bytes_ -= block.size;
      break;
    }
  }
  if (block.memory == nullptr) {
    block.memory = MapBlock(block.size);
    if (block.memory == nullptr) return false;
  }
  slice->refcount = new BlockSlice(shared_from_this(), block, std::move(reservation));
  slice->data.refcounted.bytes = static_cast<uint8_t*>(block.memory);
  slice->data.refcounted.length = bytes;
  HandedOn(slice->refcount);
  return true;
}

void BlockPool::Put(Block block) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (unused_bytes_ + block.size <= kKeep) {
      unused_.push_back(block);
      unused_bytes_ += block.size;
      return;
    }
  }
  munmap(block.memory, block.size);
}

void BlockPool::Trim() {
  std::vector<Block> unused;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    unused.swap(unused_);
    unused_bytes_ = 0;
  }
  for (const Block& block : unused) munmap(block.memory, block.size);
}

size_t BlockPool::unused_bytes() {
  std::lock_guard<std::mutex> lock(mutex_);
  return unused_bytes_;
}

}  // namespace samehost::grpc_transport
