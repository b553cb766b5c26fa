// Frame: one record of the ring as this transport uses it. Not HTTP/2: a fixed header, then up to
// three parts: initial metadata, a piece of a message, trailing metadata.
//
//   0        8    9     10        12             16            20
//   +--------+----+-----+---------+--------------+-------------+---------------+---------+-----+
//   | stream |kind|flags|reserved | initial_size | chunk_size  | trailing_size | message |value|
//   +--------+----+-----+---------+--------------+-------------+---------------+---------+-----+
//   | initial metadata | piece of the message | trailing metadata |
//
// A unary call is one frame each way. Larger messages are several frames: the first says
// kMessageBegin and the total.
#ifndef SAMEHOST_PLUGIN_GRPC_FRAME_H_
#define SAMEHOST_PLUGIN_GRPC_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace samehost::grpc_transport {

enum class FrameKind : uint8_t {
  kData = 1,    // parts of a call
  kReset = 2,   // ends a stream at once; value: HTTP/2 error code (RFC 9113, 7), as gRPC maps them
  kCredit = 3,  // value: more message bytes that the stream's sender may send
  kSettings = 4,  // value: max concurrent streams; message: max metadata size. First frame of the
                  // server, and of the client
  kPing = 5,      // stream: opaque, echoed by kPong
  kPong = 6,
  kGoaway = 7,  // message: HTTP/2 error code; chunk: last stream seen (8 bytes) and debug text
};

namespace frame_flag {
inline constexpr uint8_t kInitial = 1;       // the initial metadata ends in this frame
inline constexpr uint8_t kMessageBegin = 2;  // a message begins: message_size is its total
inline constexpr uint8_t kTrailing =
    4;  // the trailing metadata ends here: last frame of this direction
inline constexpr uint8_t kCompressed = 8;  // with kMessageBegin: the message is compressed
inline constexpr uint8_t kReference =
    16;  // the piece is a shm::BlockReference: the bytes lie in the sender's arena
inline constexpr uint8_t kAll = 31;
}  // namespace frame_flag

struct FrameHeader {
  uint64_t stream = 0;
  FrameKind kind = FrameKind::kData;
  uint8_t flags = 0;
  uint16_t reserved = 0;
  uint32_t initial_size = 0;
  uint32_t chunk_size = 0;
  uint32_t trailing_size = 0;
  uint32_t message_size = 0;
  uint32_t value = 0;
};
static_assert(sizeof(FrameHeader) == 32);

// A received frame. The header is a private, checked copy; the parts still lie in shared memory.
struct Frame {
  FrameHeader header;
  std::span<const std::byte> initial, chunk, trailing;
};

// False when the record is no well-formed frame: the peer broke the protocol.
inline bool ParseFrame(std::span<const std::byte> record, Frame* frame) {
  FrameHeader& h = frame->header;
  if (record.size() < sizeof h) return false;
  std::memcpy(&h, record.data(), sizeof h);
  if (h.flags & ~frame_flag::kAll) return false;
  const uint64_t body = record.size() - sizeof h;
  if (uint64_t{h.initial_size} + h.chunk_size + h.trailing_size != body) return false;
  frame->initial = record.subspan(sizeof h, h.initial_size);
  frame->chunk = record.subspan(sizeof h + h.initial_size, h.chunk_size);
  frame->trailing = record.subspan(sizeof h + h.initial_size + h.chunk_size, h.trailing_size);
  return true;
}

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_FRAME_H_
