#include "plugin/base/memory_headroom.h"

#include <gtest/gtest.h>

#include "plugin/base/fake_root_for_test.h"

namespace samehost {
namespace {

constexpr char kMountinfoV2[] =
    "31 23 0:28 / /sys rw - sysfs sysfs rw\n"
    "32 31 0:29 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw\n";

TEST(MemoryHeadroomTest, ThisMachineHasSome) {
  EXPECT_GT(MemoryHeadroom(), 0u);
  EXPECT_TRUE(MemoryAllows(4096));
}

TEST(MemoryHeadroomTest, NothingReadableMeansNoLimit) {
  FakeRoot root;
  EXPECT_EQ(MemoryHeadroom(root.path()), UINT64_MAX);
}

TEST(MemoryHeadroomTest, MachineCountsWithoutCgroups) {
  FakeRoot root;
  root.Write("/proc/meminfo", "MemTotal: 900 kB\nMemAvailable:    100 kB\n");
  EXPECT_EQ(MemoryHeadroom(root.path()), 100 * 1024u);
}

TEST(MemoryHeadroomTest, SmallestAlongTheUnifiedChain) {
  FakeRoot root;
  root.Write("/proc/meminfo", "MemAvailable: 1000000 kB\n");
  root.Write("/proc/self/cgroup", "0::/pod/box\n");
  root.Write("/proc/self/mountinfo", kMountinfoV2);
  root.Write("/sys/fs/cgroup/pod/box/memory.max", "max\n");
  root.Write("/sys/fs/cgroup/pod/box/memory.high", "9000000\n");
  root.Write("/sys/fs/cgroup/pod/box/memory.current", "1000000\n");
  EXPECT_EQ(MemoryHeadroom(root.path()), 8000000u);
  root.Write("/sys/fs/cgroup/pod/memory.max", "5000000\n");
  root.Write("/sys/fs/cgroup/pod/memory.current", "4500000\n");
  EXPECT_EQ(MemoryHeadroom(root.path()), 500000u);
  root.Write("/sys/fs/cgroup/pod/memory.stat", "anon 5\ninactive_file 100000\nactive_file 7\n");
  EXPECT_EQ(MemoryHeadroom(root.path()), 600000u);
  root.Write("/sys/fs/cgroup/pod/memory.current", "6000000\n");
  EXPECT_EQ(MemoryHeadroom(root.path()), 0u);
}

TEST(MemoryHeadroomTest, VersionOneAndPartialMounts) {
  FakeRoot root;
  root.Write("/proc/self/cgroup", "4:memory:/docker/abc\n0::/\n");
  root.Write("/proc/self/mountinfo",
             "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
             "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  root.Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  root.Write("/sys/fs/cgroup/memory/memory.usage_in_bytes", "3000\n");
  EXPECT_EQ(MemoryHeadroom(root.path()), UINT64_MAX);
  root.Write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "10000\n");
  EXPECT_EQ(MemoryHeadroom(root.path()), 7000u);
}

TEST(MemoryHeadroomTest, KeepsAMargin) {
  SetMemoryHeadroomForTesting(5 << 20);
  EXPECT_TRUE(MemoryAllows(1 << 20));
  EXPECT_FALSE(MemoryAllows((1 << 20) + 1));
  SetMemoryHeadroomForTesting(100);
  EXPECT_FALSE(MemoryAllows(0));
  SetMemoryHeadroomForTesting(UINT64_MAX);
}

}  // namespace
}  // namespace samehost
