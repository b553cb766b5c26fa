// RingMemory: the data area of one ring as one side sees it. Move-only.
#ifndef SAMEHOST_PLUGIN_SHM_RING_MEMORY_H_
#define SAMEHOST_PLUGIN_SHM_RING_MEMORY_H_

#include <cstdint>

#include "plugin/base/mapping.h"
#include "plugin/base/unique_fd.h"

namespace samehost::shm {

struct RingMemory {
  UniqueFd fd;              // of a grown ring; invalid for the first one, which lies in the segment
  Mapping mapping;          // mirrored: twice `capacity`
  uint32_t capacity = 0;    // power of two; private, never re-read from shared memory
  uint32_t generation = 0;  // 0: the first ring

  std::byte* At(uint64_t position) const { return mapping.data() + (position & (capacity - 1)); }
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_RING_MEMORY_H_
