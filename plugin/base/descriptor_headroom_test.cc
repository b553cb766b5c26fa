#include "plugin/base/descriptor_headroom.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "plugin/base/unique_fd.h"

namespace samehost {
namespace {

TEST(DescriptorHeadroom, CountsUpToTheLimit) {
  UniqueFd newest(open("/dev/null", O_RDONLY | O_CLOEXEC));
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit limit = before;
  limit.rlim_cur = static_cast<rlim_t>(newest.get()) + 3;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_TRUE(DescriptorsAllow(2));
  EXPECT_FALSE(DescriptorsAllow(3));
  newest.Reset();
  EXPECT_TRUE(DescriptorsAllow(3));
  EXPECT_FALSE(DescriptorsAllow(4));
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace samehost
