// Sealed memory: making it, and checking what a peer made. Any thread.
#ifndef SAMEHOST_PLUGIN_SHM_SEGMENT_H_
#define SAMEHOST_PLUGIN_SHM_SEGMENT_H_

#include <cstdint>

#include "plugin/base/mapping.h"
#include "plugin/base/result.h"
#include "plugin/base/unique_fd.h"

namespace samehost::shm {

// Names as /proc/PID/fd shows them; `samehost status` looks for them.
inline constexpr char kLinkMemoryName[] = "samehost-link";
inline constexpr char kRingMemoryName[] = "samehost-ring";
inline constexpr char kBlockMemoryName[] = "samehost-block";

// A memfd of `bytes`, all of them backed, that can neither shrink nor grow any more. Looks at the
// memory headroom first. Errors: kNoMemory, kUnsupported (no memfd or no seals), kSystem.
Result<UniqueFd> MakeSealedMemory(const char* name, uint64_t bytes);

// The same, mapped by this process before it is sealed against everybody else's writing. The
// descriptor is for the peer. `writable`: without that last seal. Errors: as above (no such seal:
// before Linux 5.1).
struct BlockMemory {
  UniqueFd fd;
  Mapping mapping;
};
Result<BlockMemory> MakeBlockMemory(uint64_t bytes, bool writable = false);

// Whether `fd` is what MakeSealedMemory(.., bytes) makes: plain memory of exactly this size, fully
// backed, sealed against shrinking (which would raise SIGBUS) and growing. Errors: kProtocol.
Status CheckSealedMemory(int fd, uint64_t bytes);
// The same for MakeBlockMemory.
Status CheckBlockMemory(int fd, uint64_t bytes, bool writable = false);
// The size of sealed memory that a peer made. Errors: kProtocol.
Result<uint64_t> SealedMemoryBytes(int fd);

// Gives the memory of `fd` (`bytes` in all, seen as a ring) back to the kernel, but for the pages
// that hold the `keep_bytes` bytes from `keep_offset`, which may go round the end.
void PunchAllBut(int fd, uint64_t bytes, uint64_t keep_offset, uint64_t keep_bytes);

// Bytes that are really backed now; 0 when it cannot be told.
uint64_t BackedBytes(int fd);

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_SEGMENT_H_
