#include "plugin/tests/harness/watchdog.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

namespace samehost::testing {
namespace {

char message[256];
size_t message_size = 0;

void OnAlarm(int) {
  // Only async-signal-safe calls.
  [[maybe_unused]] ssize_t ignored = write(STDERR_FILENO, message, message_size);
  abort();
}

}  // namespace

Watchdog::Watchdog(const std::string& name, int seconds) {
  std::string text = "\nWATCHDOG: " + name + " hangs (" + std::to_string(seconds * kSlowness) +
                     " s have passed)\n";
  message_size = std::min(text.size(), sizeof(message));
  memcpy(message, text.data(), message_size);
  signal(SIGALRM, OnAlarm);
  alarm(static_cast<unsigned>(seconds * kSlowness));
}

Watchdog::~Watchdog() { alarm(0); }

}  // namespace samehost::testing
