// Writer: puts messages into a link's ring (frame.h). One thread at a time: whoever's turn it is
// (turn.h). Never blocks. Takes messages over only when it says so.
#ifndef SAMEHOST_PLUGIN_ZMQ_WRITER_H_
#define SAMEHOST_PLUGIN_ZMQ_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "msg.hpp"
#include "plugin/shm/link.h"

namespace samehost::zmq_transport {

class Writer {
 public:
  explicit Writer(shm::Link* link) : link_(link) {}

  // Writes all parts of one message as one record, without publishing it. Else nothing has been
  // written: there is no room now, or it must go in pieces.
  enum class Outcome { kWritten, kNoRoom, kPieces };
  Outcome WriteWhole(std::span<zmq::msg_t> parts);
  // Writes and publishes the usual message: one small part. False: it is none, or there is no room.
  bool SendSmall(zmq::msg_t& message);
  bool SendSmall(std::span<const std::byte> body, uint8_t flags = 0);

  // Writes a message of any size in as many records as it takes. kFull: go on with the same parts
  // once there is room (Link::AwaitRoom for awaited_bytes()). Publishes what it writes.
  enum class Progress { kDone, kFull };
  Progress WritePieces(std::span<zmq::msg_t> parts);
  size_t awaited_bytes() const { return awaited_bytes_; }

  // Whether there is room for `messages` more like the last that was written whole.
  bool HasRoomFor(size_t messages) const;

 private:
  bool WriteBlock(zmq::msg_t& part, std::byte* place);

  shm::Link* const link_;
  size_t part_ = 0;     // WritePieces: the part it is at
  size_t written_ = 0;  // and the bytes of it that are in the ring
  bool begun_ = false;  // and whether its first chunk is
  size_t awaited_bytes_ = 0;
  size_t last_bytes_ = 1;
};

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_WRITER_H_
