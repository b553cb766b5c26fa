// SendMemory: lets large messages be serialised where the peer will read them: the memory for them
// comes from the arena of the link that they are going to be sent over (docs/design/arena.md).
//
// While a message is serialised nobody knows for certain which connection its call will be given
// (retries and load balancing come later). So the guess is: the one that the last two large
// messages of this channel from this thread went to. A wrong guess costs the copy that would have
// been made anyway.
//
// Owner: shared by the transport and by every slice in its blocks. Any thread.
#ifndef SAMEHOST_PLUGIN_GRPC_SEND_MEMORY_H_
#define SAMEHOST_PLUGIN_GRPC_SEND_MEMORY_H_

#include <grpc/slice.h>
#include <grpc/support/port_platform.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "plugin/shm/arena.h"
#include "plugin/shm/link.h"
#include "src/core/lib/slice/slice_refcount.h"

namespace samehost::grpc_transport {

class SendMemory : public std::enable_shared_from_this<SendMemory> {
 public:
  // From this size on a reference is cheaper than copying into the ring and out again.
  static constexpr size_t kFrom = 32 * 1024;

  explicit SendMemory(std::shared_ptr<shm::Arena> arena);

  // Whether `slice` lies in a block of this arena, and where.
  bool Holds(const grpc_slice& slice, shm::BlockReference* where) const;
  // An idle connection takes no new memory until it has sent another large message.
  void SetActive(bool active) { active_.store(active, std::memory_order_relaxed); }

  // ---- The guess
  // Serialisation for a call of `channel` (any address that stands for it) comes next on this
  // thread.
  static void SetChannelOfThread(const void* channel);
  // A large message of that channel went to `memory` (null: a connection without an arena).
  static void NoteSent(const std::shared_ptr<SendMemory>& memory);
  // Memory for a large message that is about to be serialised on this thread. False: use malloc.
  static bool AllocateForThread(size_t bytes, grpc_slice* slice);

 private:
  struct Block : grpc_slice_refcount {
    Block(std::shared_ptr<SendMemory> owner, const shm::Arena::Block& block)
        : grpc_slice_refcount(Destroy), owner(std::move(owner)), block(block) {}
    static void Destroy(grpc_slice_refcount* self);
    std::shared_ptr<SendMemory> owner;
    shm::Arena::Block block;
  };
  bool Allocate(size_t bytes, grpc_slice* slice);

  const std::shared_ptr<shm::Arena> arena_;
  std::atomic<bool> active_{false};
  std::vector<std::optional<Block>> blocks_;  // by number; each used by one owner at a time
};

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_SEND_MEMORY_H_
