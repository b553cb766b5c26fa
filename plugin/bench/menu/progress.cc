#include "plugin/bench/menu/progress.h"

#include <unistd.h>

#include <cstdio>

namespace samehost::bench::menu {

void Progress::Step(const std::string& what) {
  ++step_;
  const double seconds = (NowNs() - begin_) / 1e9;
  const double left = seconds / step_ * (steps_ - step_);
  const size_t tenth = 10 * step_ / steps_;
  if (::isatty(STDERR_FILENO)) {
    std::fprintf(stderr, "\r\033[K%3zu %%  %.0f s, %.0f s to go: %s", 100 * step_ / steps_, seconds,
                 left, what.c_str());
  } else if (tenth != tenth_) {
    std::fprintf(stderr, "%3zu %%  %.0f s, %.0f s to go\n", 100 * step_ / steps_, seconds, left);
  }
  tenth_ = tenth;
  std::fflush(stderr);
}

void Progress::Done() {
  if (::isatty(STDERR_FILENO)) std::fprintf(stderr, "\r\033[K");
}

}  // namespace samehost::bench::menu
