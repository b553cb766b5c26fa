// Watchdog: ends a test that hangs, with its name, instead of letting ctest's time-out do it mute.
// One at a time in a process; armed and disarmed by the fixture on the main thread. On time-out
// the process aborts (children of the harness die with it).
#ifndef SAMEHOST_PLUGIN_TESTS_HARNESS_WATCHDOG_H_
#define SAMEHOST_PLUGIN_TESTS_HARNESS_WATCHDOG_H_

#include <string>

namespace samehost::testing {

#if defined(__SANITIZE_THREAD__)
inline constexpr int kSlowness = 8;
#elif defined(__SANITIZE_ADDRESS__)
inline constexpr int kSlowness = 4;
#else
inline constexpr int kSlowness = 1;
#endif

class Watchdog {
 public:
  // Aborts after seconds * kSlowness.
  explicit Watchdog(const std::string& name, int seconds = 60);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
};

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_HARNESS_WATCHDOG_H_
