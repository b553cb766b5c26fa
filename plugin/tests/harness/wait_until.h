// WaitUntil: waits for a condition of another thread or process by looking again and again. The
// bound only turns a hang into a failure that says what was waited for; nothing is measured.
#ifndef SAMEHOST_PLUGIN_TESTS_HARNESS_WAIT_UNTIL_H_
#define SAMEHOST_PLUGIN_TESTS_HARNESS_WAIT_UNTIL_H_

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "plugin/tests/harness/watchdog.h"

namespace samehost::testing {

template <typename Condition>
::testing::AssertionResult WaitUntil(Condition condition, const char* what, int seconds = 30) {
  auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(seconds * kSlowness);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > limit) {
      return ::testing::AssertionFailure() << "waited in vain until " << what;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return ::testing::AssertionSuccess();
}

}  // namespace samehost::testing

#define WAIT_UNTIL(condition) \
  ASSERT_TRUE(::samehost::testing::WaitUntil([&] { return (condition); }, #condition))

#endif  // SAMEHOST_PLUGIN_TESTS_HARNESS_WAIT_UNTIL_H_
