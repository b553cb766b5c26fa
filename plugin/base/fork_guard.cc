#include "plugin/base/fork_guard.h"

#include <pthread.h>

namespace samehost::internal {

// Starts at 1, so that a zeroed object never looks current.
constinit std::atomic<uint64_t> fork_generation{1};

namespace {

void CountFork() { fork_generation.fetch_add(1, std::memory_order_relaxed); }

// Whoever uses ForkGeneration() links this file, so the handler is there before main().
const int registered = pthread_atfork(nullptr, nullptr, &CountFork);

}  // namespace
}  // namespace samehost::internal
