#include "plugin/base/cpu_limits.h"

#include <gtest/gtest.h>
#include <sched.h>

#include "plugin/base/fake_root_for_test.h"

namespace samehost {
namespace {

TEST(CpuLimitsTest, CountsTheAffinityMask) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof(before), &before), 0);
  FakeRoot root;
  EXPECT_EQ(ReadCpuLimits(root.path()).allowed, CPU_COUNT(&before));
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  const CpuLimits limits = ReadCpuLimits(root.path());
  EXPECT_EQ(limits.allowed, 1);
  EXPECT_EQ(limits.effective, 1.0);
  ASSERT_EQ(sched_setaffinity(0, sizeof(before), &before), 0);
}

TEST(CpuLimitsTest, SmallestQuotaAlongTheUnifiedChain) {
  FakeRoot root;
  root.Write("/proc/self/cgroup", "0::/pod/box\n");
  root.Write("/proc/self/mountinfo", "32 31 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  root.Write("/sys/fs/cgroup/pod/box/cpu.max", "max 100000\n");
  EXPECT_EQ(ReadCpuLimits(root.path()).quota, 0);
  root.Write("/sys/fs/cgroup/pod/box/cpu.max", "70000 100000\n");
  root.Write("/sys/fs/cgroup/pod/cpu.max", "50000 100000\n");
  EXPECT_EQ(ReadCpuLimits(root.path()).quota, 0.5);
  EXPECT_EQ(ReadCpuLimits(root.path()).effective, 0.5);
}

TEST(CpuLimitsTest, VersionOneQuota) {
  FakeRoot root;
  root.Write("/proc/self/cgroup", "1:cpu,cpuacct:/box\n");
  root.Write("/proc/self/mountinfo",
             "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
  root.Write("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "-1\n");
  root.Write("/sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(ReadCpuLimits(root.path()).quota, 0);
  root.Write("/sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "25000\n");
  EXPECT_EQ(ReadCpuLimits(root.path()).quota, 0.25);
}

}  // namespace
}  // namespace samehost
