#include "plugin/grpc/absences.h"

#include <sys/resource.h>

#include <algorithm>
#include <utility>

#include "plugin/base/clock.h"

namespace samehost::grpc_transport {
namespace {

thread_local uint64_t t_left_ns = 0;  // 0: it has been back since
// How often the kernel had taken the processor from this thread when that was looked at last.
thread_local int64_t t_preemptions = 0;
thread_local bool t_preemptions_stale = true;

bool PreemptedSinceLastAsked() {
  rusage usage = {};
  getrusage(RUSAGE_THREAD, &usage);
  t_preemptions_stale = false;
  return usage.ru_nivcsw != std::exchange(t_preemptions, usage.ru_nivcsw);
}

}  // namespace

void Absences::Leave() {
  if (t_preemptions_stale) PreemptedSinceLastAsked();
  t_left_ns = MonotonicNanos();
}

void Absences::Return() {
  if (t_left_ns == 0) return;
  const uint64_t nanos = MonotonicNanos() - std::exchange(t_left_ns, 0);
  Note(nanos, nanos > kLongNs && PreemptedSinceLastAsked());
}

void Absences::NoteYield() { t_preemptions_stale = true; }

void Absences::Note(uint64_t nanos, bool preempted) {
  const uint32_t score = score_.load(std::memory_order_relaxed);
  if (nanos > kLongNs && !preempted) {
    score_.store(std::min(score + kShortForOneLong, 2 * kOften), std::memory_order_relaxed);
  } else if (score > 0) {
    score_.store(score - 1, std::memory_order_relaxed);
  }
}

}  // namespace samehost::grpc_transport
