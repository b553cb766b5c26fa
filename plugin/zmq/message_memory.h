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

namespace zmq {
class msg_t;
}

namespace samehost::shm {
class Arena;
}

namespace samehost::zmq_transport {

class MessageMemory {
 public:
  // Parts from here on are worth a block of their own rather than two copies through a ring.
  static constexpr size_t kFromBytes = 16 * 1024;

  // For msg_t::init_size: false where the heap is to be used.
  static bool Init(zmq::msg_t* message, size_t bytes) {
    return bytes >= kFromBytes && InitLarge(message, bytes);
  }
  // This thread sends large messages there.
  static void Prefer(const std::shared_ptr<shm::Arena>& arena);
  // For sending: the block of `arena` that holds `message` and nobody else's, if it is one.
  static std::optional<uint32_t> BlockOf(const zmq::msg_t& message, const shm::Arena* arena);

 private:
  struct Owner;
  static bool InitLarge(zmq::msg_t* message, size_t bytes);
  static void Free(void* data, void* owner);
};

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_MESSAGE_MEMORY_H_
