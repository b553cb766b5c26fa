// Progress: one line on stderr that says how far a run is. On a terminal it is written over;
// elsewhere it comes at every tenth.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_PROGRESS_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_PROGRESS_H_

#include <cstddef>
#include <string>

#include "plugin/bench/clock.h"

namespace samehost::bench::menu {

class Progress {
 public:
  explicit Progress(size_t steps) : steps_(steps) {}
  void Step(const std::string& what);
  // Clears the line.
  void Done();

 private:
  const size_t steps_;
  size_t step_ = 0;
  size_t tenth_ = 0;
  const uint64_t begin_ = NowNs();
};

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_PROGRESS_H_
