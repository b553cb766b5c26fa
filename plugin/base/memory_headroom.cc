#include "plugin/base/memory_headroom.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "plugin/base/cgroup.h"
#include "plugin/base/clock.h"

namespace samehost {
namespace {

constexpr uint64_t kMargin = 4u << 20;
constexpr uint64_t kChainNanos = 5'000'000'000;

std::atomic<uint64_t> pretended{UINT64_MAX};

// What one cgroup still allows; UINT64_MAX without a limit.
uint64_t HeadroomOf(const std::string& directory, bool unified) {
  uint64_t limit = UINT64_MAX;
  const auto look = [&](const char* name) {
    limit = std::min(limit, ReadNumber(directory + name).value_or(UINT64_MAX));
  };
  if (unified) {
    look("/memory.max");
    look("/memory.high");
  } else {
    look("/memory.limit_in_bytes");
  }
  // Version 1 writes "no limit" as a huge number.
  if (limit >= uint64_t{1} << 62) return UINT64_MAX;
  const auto usage =
      ReadNumber(directory + (unified ? "/memory.current" : "/memory.usage_in_bytes"));
  if (!usage) return UINT64_MAX;
  const std::string statistics = ReadSmallFile(directory + "/memory.stat").value_or("");
  const uint64_t cache =
      FindNumber(statistics, unified ? "inactive_file" : "total_inactive_file").value_or(0);
  const uint64_t used = *usage - std::min(*usage, cache);
  return limit - std::min(limit, used);
}

// The chain of this process, looked up again only now and then: it costs more than all the rest,
// and processes are seldom moved.
CgroupChain RecentChain() {
  static std::mutex mutex;
  // Never destroyed: a thread that connects may be at work still when the process ends.
  static CgroupChain& chain = *new CgroupChain;
  static uint64_t fresh_until = 0;
  // Not blocking: in a forked child the holder may not exist.
  std::unique_lock lock(mutex, std::try_to_lock);
  if (!lock.owns_lock()) return FindCgroup("memory");
  const uint64_t now = MonotonicNanos();
  if (now >= fresh_until) {
    chain = FindCgroup("memory");
    fresh_until = now + kChainNanos;
  }
  return chain;
}

}  // namespace

uint64_t MemoryHeadroom(const std::string& root) {
  uint64_t headroom = UINT64_MAX;
  const std::string machine = ReadSmallFile(root + "/proc/meminfo").value_or("");
  if (const auto available = FindNumber(machine, "MemAvailable")) headroom = *available * 1024;
  const CgroupChain chain = root.empty() ? RecentChain() : FindCgroup("memory", root);
  for (const std::string& directory : chain.directories) {
    headroom = std::min(headroom, HeadroomOf(directory, chain.unified));
  }
  return headroom;
}

bool MemoryAllows(uint64_t bytes) {
  uint64_t headroom = pretended.load(std::memory_order_relaxed);  // relaxed: a test's own value
  if (headroom == UINT64_MAX) headroom = MemoryHeadroom();
  return headroom >= kMargin && bytes <= headroom - kMargin;
}

void SetMemoryHeadroomForTesting(uint64_t bytes) {
  pretended.store(bytes, std::memory_order_relaxed);
}

}  // namespace samehost
