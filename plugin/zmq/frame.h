// Frames: how messages lie in the records of a link. A record holds one or more chunks, each with a
// header and padded to 8 bytes:
//
// clang-format off
//   | length u32 | kind u8 | flags u8 | 0 u16 | bytes ...            |   kWhole: one message part
//   |     16     |                            | BlockReference       |   kBlock: one in the sender's arena
//   | length u32 |                            | total u64 | bytes    |   kStart: the first of a part
//   | length u32 |                            | bytes                |   kRest: the next of it
//   |     16     |                            | BlockReference       |   kReturned: one in the receiver's arena
// clang-format on
//
// `length` counts what follows the header, without the padding. A message ends with the part that
// has no kFlagMore; it may go on in the next record, but a record begins and ends with whole
// chunks. Plain values, any thread. What is read here was written by the peer: each header is
// copied once.
#ifndef SAMEHOST_PLUGIN_ZMQ_FRAME_H_
#define SAMEHOST_PLUGIN_ZMQ_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace samehost::zmq_transport {

enum ChunkKind : uint8_t { kWhole = 0, kBlock = 1, kStart = 2, kRest = 3, kReturned = 4 };

// Of a part. Commands as they travel inside a process: without the name of the command.
inline constexpr uint8_t kFlagMore = 1;
inline constexpr uint8_t kFlagSubscribe = 2;
inline constexpr uint8_t kFlagCancel = 4;
inline constexpr uint8_t kAllFlags = kFlagMore | kFlagSubscribe | kFlagCancel;

struct ChunkHeader {
  uint32_t length;
  uint8_t kind;
  uint8_t flags;
  uint16_t zero;
};
static_assert(sizeof(ChunkHeader) == 8);
static_assert(std::is_trivially_copyable_v<ChunkHeader>);

constexpr size_t Padded(size_t bytes) { return (bytes + 7) & ~size_t{7}; }
constexpr size_t ChunkBytes(size_t length) { return sizeof(ChunkHeader) + Padded(length); }

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_FRAME_H_
