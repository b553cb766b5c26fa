#include "plugin/zmq/sleep_beside.h"

#include <algorithm>

namespace samehost::zmq_transport {
namespace {

// Later than this is more than what narrowing costs (two or three system calls a sleep).
constexpr uint64_t kLateNanos = 12'000;
constexpr uint32_t kLateBefore = 8;  // wake-ups, before anything is done
constexpr uint32_t kLateAfter = 24;  // and although it was: the peer needs some of them to follow
constexpr uint32_t kLongestPause = 8192;

// Of this thread. False: it cannot be known.
bool GetAffinity(cpu_set_t* set) { return sched_getaffinity(0, sizeof(*set), set) == 0; }
void SetAffinity(const cpu_set_t& set) { sched_setaffinity(0, sizeof(set), &set); }

}  // namespace

void SleepBeside::Begin() {
  if (processor_ < 0 || pause_ > 0 || !GetAffinity(&own_)) return;
  if (CPU_COUNT(&own_) < 2 || !CPU_ISSET(processor_, &own_)) return Forget();
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor_, &one);
  SetAffinity(one);
  narrowed_ = true;
}

void SleepBeside::End() {
  if (!narrowed_) return;
  narrowed_ = false;
  // Unless somebody else has set another one meanwhile.
  cpu_set_t now;
  if (GetAffinity(&now) && CPU_COUNT(&now) == 1 && CPU_ISSET(processor_, &now)) SetAffinity(own_);
}

void SleepBeside::Forget() {
  processor_ = -1;
  late_ = 0;
}

void SleepBeside::NoteWake(uint64_t late_nanos, int processor, bool alternating) {
  if (!alternating || processor < 0 || processor >= CPU_SETSIZE) return Forget();
  if (pause_ > 0) {
    --pause_;
    return;
  }
  if (late_nanos <= kLateNanos) {
    late_ = 0;
    return;
  }
  ++late_;
  if (processor_ >= 0 && late_ >= kLateAfter) {
    pause_ = next_pause_;
    next_pause_ = std::min(2 * next_pause_, kLongestPause);
    return Forget();
  }
  const int own = sched_getcpu();
  if (processor_ < 0 && late_ >= kLateBefore && own >= 0) {
    processor_ = std::min(own, processor);
    late_ = 0;
  }
}

}  // namespace samehost::zmq_transport
