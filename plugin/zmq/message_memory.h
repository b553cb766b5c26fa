// MessageMemory: large messages are made in shared memory in the first place, so that sending them
// copies nothing. The program has not said yet to whom a message goes; it is taken to go where this
// thread's last large one went, and is copied if it goes elsewhere.
//
// Any thread. Where there is no room, or no link yet, a message lies in the heap as ever.
// Compiled into libzmq's own sources too.
#ifndef SAMEHOST_PLUGIN_ZMQ_MESSAGE_MEMORY_H_
#define SAMEHOST_PLUGIN_ZMQ_MESSAGE_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace zmq {
class msg_t;
}

namespace samehost::shm {
class Arena;
class Lease;
struct Borrowed;
}  // namespace samehost::shm

namespace samehost::zmq_transport {

class MessageMemory {
 public:
  // Parts from here on are worth a block of their own rather than two copies through a ring.
  static constexpr size_t kFromBytes = 16 * 1024;

  static bool IsLarge(const zmq::msg_t& message);
  // For msg_t::init_size: false where the heap is to be used.
  static bool Init(zmq::msg_t* message, size_t bytes) {
    return bytes >= kFromBytes && InitLarge(message, bytes);
  }
  // This thread sends large messages there.
  static void Prefer(const std::shared_ptr<shm::Arena>& arena);
  // For sending: the block of `arena` that holds `message` and nobody else's, if it is one.
  static std::optional<uint32_t> BlockOf(const zmq::msg_t& message, const shm::Arena* arena);
  // For sending: what keeps the peer's block that holds `message` and nobody else's; null: none
  // does.
  static shm::Lease* LeaseOf(const zmq::msg_t& message);
  // For receiving: a message over bytes of the peer, or of an own block that the caller is the
  // local owner of. Takes over the lease, or the block. False: no memory for it.
  static bool Borrow(zmq::msg_t* message, shm::Borrowed borrowed);
  static bool Own(zmq::msg_t* message, const std::shared_ptr<shm::Arena>& arena, uint32_t block,
                  std::span<std::byte> bytes);

 private:
  struct Owner;
  static bool InitLarge(zmq::msg_t* message, size_t bytes);
  static void Free(void* data, void* owner);
  static void Return(void* data, void* lease);
  // Of a message that no copy shares its memory with, and that was made with this `free` function.
  static void* HintOf(const zmq::msg_t& message, void (*free)(void*, void*));
};

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_MESSAGE_MEMORY_H_
