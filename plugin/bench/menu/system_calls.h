// SystemCallCounter: counts the system calls of processes by the kernel's tracepoint
// raw_syscalls:sys_enter, from outside; it costs them little, but something: used in a pass of its
// own. One thread.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_SYSTEM_CALLS_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_SYSTEM_CALLS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/base/unique_fd.h"

namespace samehost::bench::menu {

class SystemCallCounter {
 public:
  // Counts from now on, in all threads that they have and will have.
  explicit SystemCallCounter(const std::vector<pid_t>& processes);

  bool working() const { return !counters_.empty(); }
  uint64_t Count() const;

  // Why it does not work on this machine for this user; empty if it does.
  static std::string WhyNot();

 private:
  std::vector<UniqueFd> counters_;
};

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_SYSTEM_CALLS_H_
