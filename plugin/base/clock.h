// Monotonic time in nanoseconds (CLOCK_MONOTONIC, about 20 ns a call). Any thread; cannot fail.
#ifndef SAMEHOST_PLUGIN_BASE_CLOCK_H_
#define SAMEHOST_PLUGIN_BASE_CLOCK_H_

#include <cstdint>

namespace samehost {

// Nanoseconds since an arbitrary start; the same start for every process of this host.
uint64_t MonotonicNanos();
// Nanoseconds since 1970, for people.
uint64_t WallClockNanos();

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_CLOCK_H_
