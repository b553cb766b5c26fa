#include "plugin/bench/menu/system_calls.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace samehost::bench::menu {
namespace {

// -1 when the tracing file system cannot be read.
int64_t TracepointId() {
  for (const char* root : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    std::ifstream in(std::string(root) + "/events/raw_syscalls/sys_enter/id");
    int64_t id = -1;
    if (in >> id) return id;
  }
  return -1;
}

UniqueFd OpenCounter(int64_t tracepoint, pid_t thread) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_TRACEPOINT;
  attributes.size = sizeof(attributes);
  attributes.config = static_cast<uint64_t>(tracepoint);
  attributes.inherit = 1;
  return UniqueFd(static_cast<int>(
      ::syscall(SYS_perf_event_open, &attributes, thread, -1, -1, PERF_FLAG_FD_CLOEXEC)));
}

}  // namespace

SystemCallCounter::SystemCallCounter(const std::vector<pid_t>& processes) {
  const int64_t tracepoint = TracepointId();
  if (tracepoint < 0) return;
  for (pid_t process : processes) {
    const std::string tasks = "/proc/" + std::to_string(process) + "/task";
    for (const auto& entry : std::filesystem::directory_iterator(tasks)) {
      UniqueFd counter = OpenCounter(tracepoint, std::stoi(entry.path().filename()));
      if (counter.valid()) counters_.push_back(std::move(counter));
    }
  }
}

uint64_t SystemCallCounter::Count() const {
  uint64_t sum = 0;
  for (const UniqueFd& counter : counters_) {
    uint64_t value = 0;
    if (::read(counter.get(), &value, sizeof(value)) == sizeof(value)) sum += value;
  }
  return sum;
}

std::string SystemCallCounter::WhyNot() {
  const int64_t tracepoint = TracepointId();
  if (tracepoint < 0) return "the kernel's tracepoints cannot be read by this user";
  if (OpenCounter(tracepoint, 0).valid()) return {};
  return std::string("perf_event_open: ") + std::strerror(errno);
}

}  // namespace samehost::bench::menu
