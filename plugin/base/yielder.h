// Yielder: lets others have the processor while its caller has nothing to do but look, and learns
// from how that goes. Where others run meanwhile, looking on costs nobody anything: who looks and
// gives way is woken by nobody. Where one of them keeps the processor for as long as the kernel
// lets it, giving way costs milliseconds that a sleeper, who is woken, would not lose.
//
// Owner: whoever looks. Any thread; a lost update only delays the estimate.
#ifndef SAMEHOST_PLUGIN_BASE_YIELDER_H_
#define SAMEHOST_PLUGIN_BASE_YIELDER_H_

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "plugin/base/clock.h"

namespace samehost {

class Yielder {
 public:
  // What a switch of threads costs at least, in nanoseconds: a yield that took less was for nobody.
  static constexpr uint64_t kSwitchNs = 1'000;
  // Short of the time slices that the kernel gives to those who ask for all they can get.
  static constexpr uint64_t kHoggedNs = 1'000'000;

  // Whether to yield now.
  bool Allowed() const { return looks_without_.load(std::memory_order_relaxed) == 0; }
  // A look begins. Whether to yield in it; else do not look for long either.
  bool BeginLook() {
    const uint32_t left = looks_without_.load(std::memory_order_relaxed);
    if (left > 0) looks_without_.store(left - 1, std::memory_order_relaxed);
    return left == 0;
  }
  // Whether the last yield let somebody run.
  bool crowded() const { return crowded_.load(std::memory_order_relaxed); }

  // Yields once. For how long, in nanoseconds, others had the processor.
  uint64_t Yield() {
    const uint64_t start = MonotonicNanos();
    sched_yield();
    return Note(MonotonicNanos() - start);
  }
  // A yield took so many nanoseconds.
  uint64_t Note(uint64_t took) {
    const bool others_ran = took > kSwitchNs;
    if (others_ran != crowded()) crowded_.store(others_ran, std::memory_order_relaxed);
    if (!others_ran) return 0;
    // In a crowd one in some hundred takes long, too; beside a hog at least every tenth does.
    const uint32_t score = score_.load(std::memory_order_relaxed);
    if (took <= kHoggedNs) {
      if (score == 1) next_without_.store(kLeastWithout, std::memory_order_relaxed);
      if (score > 0) score_.store(score - 1, std::memory_order_relaxed);
      return took - kSwitchNs;
    }
    score_.store(std::min(score + kLongScores, kMostScore), std::memory_order_relaxed);
    if (score > 0) {
      const uint32_t next = next_without_.load(std::memory_order_relaxed);
      looks_without_.store(next, std::memory_order_relaxed);
      next_without_.store(std::min(2 * next, kMostWithout), std::memory_order_relaxed);
    }
    return took - kSwitchNs;
  }

 private:
  static constexpr uint32_t kLeastWithout = 8;
  static constexpr uint32_t kLongScores = 16;
  static constexpr uint32_t kMostScore = 64;
  static constexpr uint32_t kMostWithout = 4096;

  std::atomic<bool> crowded_{false};
  std::atomic<uint32_t> score_{0};  // how many short ones it takes until a long one is an accident
  std::atomic<uint32_t> looks_without_{0};              // to come
  std::atomic<uint32_t> next_without_{kLeastWithout};  // after the next that is hogged
};

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_YIELDER_H_
