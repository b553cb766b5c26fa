// What lies in the shared memory of a link. Everything here is read by another process, perhaps of
// another build: fixed widths, a version, offsets instead of pointers.
//
//   page 0        SegmentHeader      written once by the connecting side, checked by the other
//   page 1        CountersPage       of the connecting side
//   page 2        CountersPage       of the accepting side
//   page 3        DirectionControl   connecting -> accepting, at +0
//                 DirectionControl   accepting -> connecting, at +2048
//   then          data               connecting -> accepting, ring_bytes[0]
//                 data               accepting -> connecting, ring_bytes[1]
//
// A grown ring is a memfd of its own that holds nothing but data: its records go on with the same
// positions, and the words that steer them stay here (docs/design/ring.md).
#ifndef SAMEHOST_PLUGIN_SHM_LAYOUT_H_
#define SAMEHOST_PLUGIN_SHM_LAYOUT_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "plugin/base/result.h"

namespace samehost::shm {

inline constexpr uint64_t kSegmentMagic = 0x74736f68656d6173;  // "samehost", little endian
inline constexpr uint32_t kLayoutVersion = 2;
inline constexpr uint32_t kCountersVersion = 1;
// Twice a cache line: the processor fetches lines in pairs.
inline constexpr size_t kLineBytes = 128;
inline constexpr uint32_t kMaxRingBytes = 256u << 20;
// Blocks of an arena (arena.h) at one time, each way.
inline constexpr uint32_t kMaxBlocks = 256;

struct SegmentHeader {
  uint64_t magic;
  uint32_t version;
  uint32_t header_bytes;
  uint64_t segment_bytes;
  uint32_t page_bytes;
  uint32_t max_ring_bytes;  // the largest grown ring that the connecting side takes
  uint32_t ring_bytes[2];
  uint64_t counters_offset[2];
  uint64_t control_offset[2];
  uint64_t data_offset[2];
};
static_assert(sizeof(SegmentHeader) == 88);
static_assert(std::is_trivially_copyable_v<SegmentHeader>);

// The words of one direction. Positions are bytes since the link was made; they never wrap.
struct DirectionControl {
  // Written by the producer.
  alignas(kLineBytes) std::atomic<uint64_t> head;  // end of the published records
  std::atomic<uint64_t> awaited_tail;              // ring when tail gets here; 0: nobody waits
  std::atomic<uint32_t> coming;                    // not 0: a large message is being prepared
  std::atomic<uint64_t> awaited_messages;  // ring when as many have been taken; 0: nobody waits
  // Written by the consumer.
  alignas(kLineBytes) std::atomic<uint64_t> tail;  // everything before it may be overwritten
  std::atomic<uint64_t> taken;                     // everything before it has been read
  std::atomic<uint32_t> acknowledged;              // last grown ring that has been mapped
  std::atomic<uint32_t> max_ring_bytes;            // largest ring taken; 0: not known yet
  std::atomic<uint32_t> max_arena_bytes;           // of all blocks together; 0: takes none
  std::atomic<uint32_t> blocks_refused;            // there was no means to map one: make no more
  std::atomic<uint64_t> messages_taken;  // where messages are counted (Link::SetMessagesTaken)
  // Written by the consumer, taken back by the producer that rings (Link::Watch).
  alignas(kLineBytes) std::atomic<uint32_t> watch;
  // Written by the producer: when it rang last, monotonic nanoseconds; 0: never. A hint.
  std::atomic<uint64_t> rung_nanos;
  // And the number of the processor that it did so on, plus one; 0: not known. A hint.
  std::atomic<uint32_t> rung_on;
  // Written by the consumer: how often each block has been given back, its being mapped included.
  alignas(kLineBytes) std::atomic<uint32_t> blocks_returned[kMaxBlocks];
};
static_assert(sizeof(DirectionControl) == 3 * kLineBytes + kMaxBlocks * 4);
static_assert(sizeof(DirectionControl) <= 2048);
static_assert(offsetof(DirectionControl, max_arena_bytes) == 152);
static_assert(offsetof(DirectionControl, blocks_returned) == 384);
static_assert(offsetof(DirectionControl, messages_taken) == 160);
static_assert(offsetof(DirectionControl, head) == 0);
static_assert(offsetof(DirectionControl, awaited_messages) == 24);
static_assert(offsetof(DirectionControl, awaited_tail) == 8);
static_assert(offsetof(DirectionControl, tail) == 128);
static_assert(offsetof(DirectionControl, taken) == 136);
static_assert(offsetof(DirectionControl, acknowledged) == 144);
static_assert(offsetof(DirectionControl, watch) == 256);
static_assert(offsetof(DirectionControl, rung_nanos) == 264);
static_assert(offsetof(DirectionControl, rung_on) == 272);
static_assert(std::atomic<uint64_t>::is_always_lock_free);
static_assert(std::atomic<uint32_t>::is_always_lock_free);

// Counters of one side, written by that side only and believed by nobody but people. A reader in
// another process (through /proc/PID/fd of the memfd) checks `version` and takes what `bytes`
// covers.
struct CountersPage {
  uint32_t version;
  uint32_t bytes;
  uint64_t started_unix_nanos;
  uint32_t side;  // 0 connecting, 1 accepting
  uint32_t pid;
  uint32_t peer_uid;  // as the kernel vouched for it; ~0: not told
  uint32_t peer_pid;  // 0: not told
  char protocol[16];  // "grpc", "zmq"; zero-terminated
  char name[72];      // what this connection is, for people; zero-terminated
  // Producing.
  alignas(kLineBytes) std::atomic<uint64_t> messages_sent;
  std::atomic<uint64_t> bytes_sent;
  std::atomic<uint64_t> records_sent;
  std::atomic<uint64_t> ring_full;
  std::atomic<uint64_t> ring_bytes;
  std::atomic<uint64_t> blocks_lent;  // times that bytes in a block were referred to
  // Consuming.
  alignas(kLineBytes) std::atomic<uint64_t> messages_received;
  std::atomic<uint64_t> bytes_received;
  std::atomic<uint64_t> records_received;
  std::atomic<uint64_t> peer_block_bytes;  // of the peer's arena, mapped here now
  // Waiting.
  alignas(kLineBytes) std::atomic<uint64_t> doorbells_rung;
  std::atomic<uint64_t> doorbells_deferred;
  std::atomic<uint64_t> sleeps;
  std::atomic<uint64_t> spins_succeeded;
  std::atomic<uint64_t> spins_failed;
};
static_assert(sizeof(CountersPage) == 4 * kLineBytes);
static_assert(offsetof(CountersPage, protocol) == 32);
static_assert(offsetof(CountersPage, messages_sent) == 128);
static_assert(offsetof(CountersPage, messages_received) == 256);
static_assert(offsetof(CountersPage, doorbells_rung) == 384);

// A record: this word, then the payload, then padding to 8 bytes. Little endian: the length is in
// the low half. A word of zero is no record: it stands behind the last one, so that whoever waits
// there sees the next one by its own first word; the head is for everybody else.
inline constexpr uint32_t kRecordAlignment = 8;
inline constexpr size_t kRecordHeaderBytes = 8;
enum class RecordKind : uint32_t { kData = 1, kSwitch = 2 };
// The payload of kSwitch: the next record lies in the ring of this generation (0: the first ring).
// DirectionControl::acknowledged with this bit: that ring is refused, send nothing into it.
inline constexpr uint32_t kRefusedRing = 1u << 31;
struct SwitchPayload {
  uint32_t generation;
  uint32_t reserved;
};
inline constexpr size_t kSwitchRecordBytes = kRecordHeaderBytes + sizeof(SwitchPayload);

constexpr uint64_t PackHeader(uint32_t length, RecordKind kind) {
  return uint64_t{static_cast<uint32_t>(kind)} << 32 | length;
}
constexpr size_t RecordBytes(size_t payload) {
  return kRecordHeaderBytes + ((payload + kRecordAlignment - 1) & ~size_t{kRecordAlignment - 1});
}

// Whether a ring may have this size: a power of two, whole pages, at most kMaxRingBytes.
bool ValidRingBytes(uint64_t bytes);

// The one layout that belongs to these sizes; both sides compute it and compare.
SegmentHeader MakeHeader(std::array<uint32_t, 2> ring_bytes, uint32_t max_ring_bytes);

// Checks a private copy of what the peer wrote. `limit`: the largest ring this side takes. Errors:
// kVersion, kProtocol.
Status CheckHeader(const SegmentHeader& header, uint32_t limit);

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_LAYOUT_H_
