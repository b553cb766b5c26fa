// BlockPool: memory into which large messages are copied together. Blocks are used again instead
// of being given back to the kernel and faulted in anew for every message, which costs more than
// the copy; what is unused goes back when the connection is idle.
//
// Owner: shared by the transport and the slices that live in its blocks. Any thread.
#ifndef SAMEHOST_PLUGIN_GRPC_BLOCK_POOL_H_
#define SAMEHOST_PLUGIN_GRPC_BLOCK_POOL_H_

#include <grpc/support/port_platform.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "src/core/lib/resource_quota/memory_quota.h"
#include "src/core/lib/slice/slice.h"

namespace samehost::grpc_transport {

class BlockPool : public std::enable_shared_from_this<BlockPool> {
 public:
  // From this size on a block is worth more than malloc: glibc maps and unmaps such sizes.
  static constexpr size_t kFrom = 128 * 1024;
  static constexpr size_t kLargest = 4 * 1024 * 1024;

  ~BlockPool() { Trim(); }

  // A slice of `bytes`, kFrom <= bytes <= kLargest. `reservation` counts it against the resource
  // quota. Null slice data when memory is short: use malloc.
  bool Allocate(size_t bytes, grpc_core::MemoryAllocator::Reservation reservation,
                grpc_slice* slice);
  // Gives unused blocks back to the kernel.
  void Trim();
  // Bytes in unused blocks.
  size_t unused_bytes();

 private:
  struct BlockSlice;
  // At most this much is kept unused.
  static constexpr size_t kKeep = 32 * 1024 * 1024;
  struct Block {
    void* memory;
    size_t size;
  };
  void Put(Block block);

  std::mutex mutex_;
  std::vector<Block> unused_;
  size_t unused_bytes_ = 0;
};

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_BLOCK_POOL_H_
