// Yielder: lets others have the processor while the caller has nothing to do but look for input,
// and learns from how that goes.
//
// In a crowd of threads that each run for a moment, to yield and look again costs less than to
// sleep and be woken. Beside a hog, a thread that computes for as long as the kernel lets it, a
// yield costs the rest of a time slice (milliseconds), which a sleeper who is woken need not wait
// for: then yields are left out, for longer and longer.
//
// Owner: whoever looks; for the whole process. Any thread; a lost update only delays the estimate.
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
  // Nanoseconds. What a switch of threads costs at least: a yield that took less was for nobody.
  static constexpr uint64_t kSwitch = 1'000;
  // Shorter than the slices that the kernel gives to a hog (4 ms where it ticks 250 times a
  // second), longer than the turns of sixty threads that each run for a moment.
  static constexpr uint64_t kHogged = 2'500'000;

  // A look begins. Whether it may yield; if not, one look less is to come before it may again.
  bool BeginLook() {
    const uint32_t left = looks_without_.load(std::memory_order_relaxed);
    if (left > 0) looks_without_.store(left - 1, std::memory_order_relaxed);
    return left == 0;
  }
  // False from the moment that a hog is noticed.
  bool Allowed() const { return looks_without_.load(std::memory_order_relaxed) == 0; }
  // Whether somebody ran during the last yield.
  bool crowded() const { return crowded_.load(std::memory_order_relaxed); }

  // Yields. For how many nanoseconds others had the processor.
  uint64_t Yield() {
    const uint64_t start = MonotonicNanos();
    sched_yield();
    return Note(MonotonicNanos() - start);
  }
  // The same for a yield that took so many nanoseconds.
  uint64_t Note(uint64_t took) {
    const bool others_ran = took > kSwitch;
    if (others_ran != crowded()) crowded_.store(others_ran, std::memory_order_relaxed);
    if (!others_ran) return 0;
    if (took > kHogged) {
      NoteLong();
    } else {
      NoteShort();
    }
    return took - kSwitch;
  }

 private:
  // In a crowd one yield in a hundred or so is long, too; beside a hog every other one is.
  static constexpr uint32_t kShortForOneLong = 16;
  static constexpr uint32_t kMostSuspicion = 4 * kShortForOneLong;
  static constexpr uint32_t kLeastWithout = 8;
  static constexpr uint32_t kMostWithout = 4096;

  void NoteShort() {
    const uint32_t suspicion = suspicion_.load(std::memory_order_relaxed);
    if (suspicion == 0) return;
    suspicion_.store(suspicion - 1, std::memory_order_relaxed);
    if (suspicion == 1) next_without_.store(kLeastWithout, std::memory_order_relaxed);
  }
  void NoteLong() {
    const uint32_t suspicion = suspicion_.load(std::memory_order_relaxed);
    suspicion_.store(std::min(suspicion + kShortForOneLong, kMostSuspicion),
                     std::memory_order_relaxed);
    if (suspicion == 0) return;  // an accident
    const uint32_t without = next_without_.load(std::memory_order_relaxed);
    looks_without_.store(without, std::memory_order_relaxed);
    next_without_.store(std::min(2 * without, kMostWithout), std::memory_order_relaxed);
  }

  std::atomic<bool> crowded_{false};
  std::atomic<uint32_t> suspicion_{0};      // as many short yields until all is forgotten
  std::atomic<uint32_t> looks_without_{0};  // to come
  std::atomic<uint32_t> next_without_{kLeastWithout};  // looks, the next time
};

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_YIELDER_H_
