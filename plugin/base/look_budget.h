// LookBudget: for how long a thread that waits for a peer should look before it sleeps, learned
// from how long the last waits took. Shared by the threads of one transport. Any thread; a lost
// update only delays the estimate.
#ifndef SAMEHOST_PLUGIN_BASE_LOOK_BUDGET_H_
#define SAMEHOST_PLUGIN_BASE_LOOK_BUDGET_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace samehost {

// One step of a loop that looks.
inline void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield" ::: "memory");
#endif
}

class LookBudget {
 public:
  // Never longer than this, in nanoseconds; 0: not at all.
  void SetMost(uint64_t nanos) { most_.store(nanos, std::memory_order_relaxed); }
  uint64_t most() const { return most_.load(std::memory_order_relaxed); }

  // A wait has ended with what it was for.
  void NoteWait(uint64_t nanos) {
    waits_.fetch_add(1, std::memory_order_relaxed);
    const uint64_t old = expected_.load(std::memory_order_relaxed);
    expected_.store((7 * old + std::min<uint64_t>(nanos, 1'000'000)) / 8,
                    std::memory_order_relaxed);
  }
  // A look that yields has ended, with what it was for or without. What it has cost: the
  // nanoseconds in which others had the processor are not counted (yielder.h).
  void NoteLook(uint64_t nanos, bool found) {
    const uint64_t in_vain = 2 * most();
    const uint64_t old = std::min(cost_.load(std::memory_order_relaxed), in_vain);
    cost_.store(found ? (old + std::min(nanos, in_vain)) / 2 : (3 * old + in_vain) / 4,
                std::memory_order_relaxed);
  }
  // Whether most waits end within what may be looked for, or most looks cost less than that.
  bool Pays() const { return WaitsAreShort() || LooksAreCheap(); }
  // For how many nanoseconds of the looking thread's own to look, which yields or does not.
  uint64_t Next(bool yields = true) const {
    if (WaitsAreShort()) {
      return std::min(most(), 2 * expected_.load(std::memory_order_relaxed) + 10'000);
    }
    if (yields && LooksAreCheap()) return most();
    // A trial now and then: the traffic may have changed, and two sides that both sleep see waits
    // that are nothing but each other's wake-ups.
    return waits_.load(std::memory_order_relaxed) % 32 == 0 ? most() : 0;
  }

 private:
  bool WaitsAreShort() const { return expected_.load(std::memory_order_relaxed) <= most(); }
  bool LooksAreCheap() const { return cost_.load(std::memory_order_relaxed) < most(); }

  std::atomic<uint64_t> most_{0};
  std::atomic<uint64_t> expected_{20'000};  // an average over recent waits
  std::atomic<uint64_t> cost_{UINT64_MAX};  // the same of recent looks
  std::atomic<uint32_t> waits_{0};
};

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_LOOK_BUDGET_H_
