#include "plugin/base/clock.h"

#include <ctime>

namespace samehost {
namespace {

uint64_t Read(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000u + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace

uint64_t MonotonicNanos() { return Read(CLOCK_MONOTONIC); }
uint64_t WallClockNanos() { return Read(CLOCK_REALTIME); }

}  // namespace samehost
