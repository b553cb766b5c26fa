// Turn: what the socket's thread and the I/O thread know of each other about one link.
#ifndef SAMEHOST_PLUGIN_ZMQ_TURN_H_
#define SAMEHOST_PLUGIN_ZMQ_TURN_H_

#include <atomic>
#include <cstdint>

namespace samehost::zmq_transport {

struct Turn {
  // Messages of the local queue that the I/O thread has put into the ring (or sent otherwise
  // before). The socket's thread counts those that it has put into the queue: as long as there are
  // more, the I/O thread is the ring's producer; when both are equal, the socket's thread is.
  // SYNC(turn)
  std::atomic<uint64_t> drained{0};
  // The link carries nothing any more: write to the local queue.
  std::atomic<bool> ended{false};
  // Nothing is to be read from the ring beyond this position; it comes before the flag. SYNC(ended)
  uint64_t input_end = 0;
  std::atomic<bool> input_ended{false};
  // The socket's thread has found that the peer breaks a rule; it has closed the link.
  std::atomic<bool> refused{false};
};

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_TURN_H_
