// How much more memory this process may take before its cgroup (or the machine) runs short.
// Taking shared memory at a cgroup's limit does not fail: it calls the out-of-memory killer. So
// whoever is about to take some looks here first, and does without when it is short.
#ifndef SAMEHOST_PLUGIN_BASE_MEMORY_HEADROOM_H_
#define SAMEHOST_PLUGIN_BASE_MEMORY_HEADROOM_H_

#include <cstdint>
#include <string>

namespace samehost {

// Bytes left: the smallest of limit - usage along the chain of cgroups (memory.max and memory.high,
// or memory.limit_in_bytes; file cache that the kernel would drop counts as free) and the
// machine's MemAvailable. UINT64_MAX when nothing can be read. Costs some file reads (tens of
// microseconds). Any thread. `root` is put before every path (tests).
uint64_t MemoryHeadroom(const std::string& root = "");

// Whether `bytes` more may be taken and leave a margin (4 MiB) to everybody else.
bool MemoryAllows(uint64_t bytes);

// Tests: pretends that this much is left; UINT64_MAX goes back to the truth.
void SetMemoryHeadroomForTesting(uint64_t bytes);

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_MEMORY_HEADROOM_H_
