#include "plugin/shm/layout.h"

#include <bit>
#include <cstring>

#include "plugin/base/mapping.h"

namespace samehost::shm {
namespace {

Error Bad(const char* what) {
  return Error{ErrorCode::kProtocol, 0, std::string("segment header: ") + what};
}

}  // namespace

bool ValidRingBytes(uint64_t bytes) {
  return std::has_single_bit(bytes) && bytes % PageBytes() == 0 && bytes <= kMaxRingBytes;
}

SegmentHeader MakeHeader(std::array<uint32_t, 2> ring_bytes, uint32_t max_ring_bytes) {
  const uint64_t page = PageBytes();
  SegmentHeader header = {};
  header.magic = kSegmentMagic;
  header.version = kLayoutVersion;
  header.header_bytes = sizeof(SegmentHeader);
  header.page_bytes = static_cast<uint32_t>(page);
  header.max_ring_bytes = max_ring_bytes;
  header.counters_offset[0] = page;
  header.counters_offset[1] = 2 * page;
  header.control_offset[0] = 3 * page;
  header.control_offset[1] = 3 * page + 2048;
  header.data_offset[0] = 4 * page;
  header.data_offset[1] = 4 * page + ring_bytes[0];
  header.ring_bytes[0] = ring_bytes[0];
  header.ring_bytes[1] = ring_bytes[1];
  header.segment_bytes = header.data_offset[1] + ring_bytes[1];
  return header;
}

Status CheckHeader(const SegmentHeader& header, uint32_t limit) {
  if (header.magic != kSegmentMagic) return Bad("no magic number");
  if (header.version != kLayoutVersion) {
    return Error{ErrorCode::kVersion, 0, "segment layout " + std::to_string(header.version)};
  }
  for (const uint32_t bytes : header.ring_bytes) {
    if (!ValidRingBytes(bytes) || bytes > limit) return Bad("ring size");
  }
  if (!ValidRingBytes(header.max_ring_bytes)) return Bad("largest ring size");
  const SegmentHeader expected =
      MakeHeader({header.ring_bytes[0], header.ring_bytes[1]}, header.max_ring_bytes);
  if (std::memcmp(&header, &expected, sizeof(header)) != 0) return Bad("sizes or offsets");
  return {};
}

}  // namespace samehost::shm
