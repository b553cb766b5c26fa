#include "plugin/base/cpu_limits.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <sstream>

#include "plugin/base/cgroup.h"

namespace samehost {
namespace {

int AllowedProcessors() {
  // A mask larger than the kernel's is needed, or the call fails on large machines.
  for (int bits = 1024; bits <= 1 << 18; bits *= 4) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(bits),
                                                               [](cpu_set_t* s) { CPU_FREE(s); });
    if (set == nullptr) break;
    const size_t size = CPU_ALLOC_SIZE(bits);
    if (sched_getaffinity(0, size, set.get()) == 0) return CPU_COUNT_S(size, set.get());
    if (errno != EINVAL) break;
  }
  return static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
}

// Processors' worth of time that one cgroup grants; 0: no quota.
double QuotaOf(const std::string& directory, bool unified) {
  std::string text;
  if (unified) {
    text = ReadSmallFile(directory + "/cpu.max").value_or("");  // "max 100000", "50000 100000"
  } else {
    text = ReadSmallFile(directory + "/cpu.cfs_quota_us").value_or("") + " " +
           ReadSmallFile(directory + "/cpu.cfs_period_us").value_or("");
  }
  std::istringstream stream(text);
  double quota = 0;
  double period = 0;
  if (!(stream >> quota >> period) || quota <= 0 || period <= 0) return 0;
  return quota / period;
}

}  // namespace

CpuLimits ReadCpuLimits(const std::string& root) {
  CpuLimits limits;
  limits.allowed = AllowedProcessors();
  const CgroupChain chain = FindCgroup("cpu", root);
  for (const std::string& directory : chain.directories) {
    const double quota = QuotaOf(directory, chain.unified);
    if (quota > 0 && (limits.quota == 0 || quota < limits.quota)) limits.quota = quota;
  }
  limits.effective = limits.allowed;
  if (limits.quota > 0) limits.effective = std::min(limits.effective, limits.quota);
  limits.effective = std::max(limits.effective, 0.01);
  return limits;
}

}  // namespace samehost
