// ForkGeneration: tells an object that it now lives in a forked child. Remember the number when
// the object is made and compare: another number means that this process is a copy, and that
// what is shared (memory, sockets) still belongs to the parent.
//
// Any thread, and a child right after fork(); one relaxed load. A child made by a raw clone()
// system call, past pthread_atfork, is not noticed.
#ifndef SAMEHOST_PLUGIN_BASE_FORK_GUARD_H_
#define SAMEHOST_PLUGIN_BASE_FORK_GUARD_H_

#include <atomic>
#include <cstdint>

namespace samehost {

namespace internal {
extern std::atomic<uint64_t> fork_generation;
}  // namespace internal

inline uint64_t ForkGeneration() {
  // relaxed: written only by the single thread that a fresh child has.
  return internal::fork_generation.load(std::memory_order_relaxed);
}

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_FORK_GUARD_H_
