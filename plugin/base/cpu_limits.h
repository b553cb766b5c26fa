// How many processors this process may really use. Spinning makes sense only with more than one,
// and spinning into a cgroup's quota stops the whole process for the rest of a period.
#ifndef SAMEHOST_PLUGIN_BASE_CPU_LIMITS_H_
#define SAMEHOST_PLUGIN_BASE_CPU_LIMITS_H_

#include <string>

namespace samehost {

struct CpuLimits {
  int allowed = 1;       // processors in the affinity mask of the calling thread
  double quota = 0;      // processors' worth of time that the cgroups grant; 0: no quota
  double effective = 1;  // the smaller of both, at least 0.01
};

// Reads the affinity mask and, along the chain of cgroups, cpu.max or cpu.cfs_quota_us. Costs some
// file reads; keep the answer. Any thread. `root` is put before every path (tests).
CpuLimits ReadCpuLimits(const std::string& root = "");

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_CPU_LIMITS_H_
