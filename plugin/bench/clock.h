// The two clocks of the benchmark, in nanoseconds.
#ifndef SAMEHOST_PLUGIN_BENCH_CLOCK_H_
#define SAMEHOST_PLUGIN_BENCH_CLOCK_H_

#include <sys/types.h>
#include <time.h>

#include <cstdint>

namespace samehost::bench {

inline uint64_t ReadClock(clockid_t clock) {
  timespec now;
  ::clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

// Comparable between the processes of one machine.
inline uint64_t NowNs() { return ReadClock(CLOCK_MONOTONIC); }

// User and system time of all threads, alive and ended, of this process.
inline uint64_t OwnCpuNs() { return ReadClock(CLOCK_PROCESS_CPUTIME_ID); }

inline void SleepUntilNs(uint64_t moment) {
  const timespec when{static_cast<time_t>(moment / 1'000'000'000),
                      static_cast<long>(moment % 1'000'000'000)};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, nullptr) != 0) {
  }
}

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_CLOCK_H_
