#include "plugin/cli/observed_link.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "plugin/cli/proc.h"

namespace samehost::cli {
namespace {

template <size_t kSize>
std::string Text(const char (&place)[kSize]) {
  return Printable(std::string(place, strnlen(place, kSize)));
}

// relaxed, all of them: a private copy of counters.
uint64_t Get(const std::atomic<uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

void TakeCounters(const shm::CountersPage& page, ObservedSide* side) {
  side->started = true;
  side->inner_pid = page.pid;
  side->peer_uid = page.peer_uid;
  side->peer_pid = page.peer_pid;
  side->protocol = Text(page.protocol);
  side->address = Text(page.name);
  side->started_unix_nanos = page.started_unix_nanos;
  side->ring_bytes = Get(page.ring_bytes);
  side->peer_block_bytes = Get(page.peer_block_bytes);
  side->counters = {.messages_sent = Get(page.messages_sent),
                    .messages_received = Get(page.messages_received),
                    .bytes_sent = Get(page.bytes_sent),
                    .bytes_received = Get(page.bytes_received),
                    .records_sent = Get(page.records_sent),
                    .records_received = Get(page.records_received),
                    .doorbells_rung = Get(page.doorbells_rung),
                    .doorbells_deferred = Get(page.doorbells_deferred),
                    .sleeps = Get(page.sleeps),
                    .spins_succeeded = Get(page.spins_succeeded),
                    .spins_failed = Get(page.spins_failed),
                    .ring_full = Get(page.ring_full),
                    .blocks_lent = Get(page.blocks_lent),
                    .ring_bytes = Get(page.ring_bytes)};
}

// Bytes that were sent and may not be overwritten yet.
uint64_t UsedBytes(const shm::DirectionControl& control, uint64_t ring_bytes) {
  const uint64_t head = Get(control.head);
  const uint64_t tail = Get(control.tail);
  return head > tail ? std::min(head - tail, ring_bytes) : 0;
}

}  // namespace

std::string ObservedLink::protocol() const {
  return client().protocol.empty() ? server().protocol : client().protocol;
}

std::string ObservedLink::address() const {
  return client().address.empty() ? server().address : client().address;
}

uint64_t ObservedLink::started_unix_nanos() const {
  if (!client().started) return server().started_unix_nanos;
  if (!server().started) return client().started_unix_nanos;
  return std::min(client().started_unix_nanos, server().started_unix_nanos);
}

Result<ObservedLink> ReadLink(ReadAt read, const void* context) {
  const Error gone{ErrorCode::kProtocol, 0, "the memory of a link cannot be read"};
  shm::SegmentHeader header;
  if (!read(context, 0, &header, sizeof(header))) return gone;
  if (Status checked = shm::CheckHeader(header, shm::kMaxRingBytes); !checked) {
    return checked.error();
  }
  ObservedLink link;
  link.memory_bytes = header.segment_bytes;
  for (size_t i = 0; i < 2; ++i) {
    ObservedSide& side = link.side[i];
    // Copies of what the processes go on writing.
    shm::CountersPage page;
    shm::DirectionControl control;
    if (!read(context, header.counters_offset[i], static_cast<void*>(&page), sizeof(page)) ||
        !read(context, header.control_offset[i], static_cast<void*>(&control), sizeof(control))) {
      return gone;
    }
    if (page.version == shm::kCountersVersion && page.bytes >= sizeof(page)) {
      TakeCounters(page, &side);
    }
    side.ring_used = UsedBytes(control, side.ring_bytes);
    if (side.ring_bytes > header.ring_bytes[i] && side.ring_bytes <= shm::kMaxRingBytes) {
      link.memory_bytes += side.ring_bytes;
    }
    link.memory_bytes += side.peer_block_bytes;
  }
  return link;
}

}  // namespace samehost::cli
