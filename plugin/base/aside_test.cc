#include "plugin/base/aside.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace samehost {
namespace {

TEST(AsideTest, SameFileUnderAHighNumber) {
  UniqueFd fd(open("/", O_RDONLY));
  ASSERT_TRUE(fd.valid());
  const int before = fd.get();
  struct stat old_status;
  ASSERT_EQ(fstat(before, &old_status), 0);
  const UniqueFd moved = Aside(std::move(fd));
  EXPECT_GE(moved.get(), kAsideFrom);
  EXPECT_EQ(fcntl(before, F_GETFD), -1) << "the low number is free again";
  EXPECT_EQ(fcntl(moved.get(), F_GETFD), FD_CLOEXEC);
  struct stat status;
  ASSERT_EQ(fstat(moved.get(), &status), 0);
  EXPECT_EQ(status.st_ino, old_status.st_ino);
}

TEST(AsideTest, StaysWhereTheLimitIsLow) {
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  rlimit low = limit;
  low.rlim_cur = kAsideFrom / 2;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  UniqueFd fd(open("/", O_RDONLY | O_CLOEXEC));
  const int before = fd.get();
  const UniqueFd same = Aside(std::move(fd));
  EXPECT_EQ(same.get(), before);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

// The number is another file's by now: it is neither closed nor taken for ours.
TEST(AsideTest, LeavesAnotherFileUnderItsNumberAlone) {
  UniqueFd fd = Aside(UniqueFd(open("/", O_RDONLY)));
  EXPECT_TRUE(fd.Intact());
  const int number = fd.get();
  ASSERT_EQ(close(number), 0);
  EXPECT_FALSE(fd.Intact());
  const UniqueFd other(open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(dup2(other.get(), number), number);
  EXPECT_FALSE(fd.Intact());
  fd.Reset();
  EXPECT_NE(fcntl(number, F_GETFD), -1) << "it was closed";
  close(number);
}

TEST(AsideTest, MovesKeepWhatIsRemembered) {
  UniqueFd fd = Aside(UniqueFd(open("/", O_RDONLY)));
  const int number = fd.get();
  UniqueFd moved(std::move(fd));
  UniqueFd assigned;
  assigned = std::move(moved);
  ASSERT_EQ(close(number), 0);
  EXPECT_FALSE(assigned.Intact());
  // What has remembered nothing closes what it is told to.
  UniqueFd plain(open("/", O_RDONLY | O_CLOEXEC));
  const int plain_number = plain.get();
  plain.Reset();
  EXPECT_EQ(fcntl(plain_number, F_GETFD), -1);
}

TEST(AsideTest, NothingStaysNothing) { EXPECT_FALSE(Aside(UniqueFd()).valid()); }

}  // namespace
}  // namespace samehost
