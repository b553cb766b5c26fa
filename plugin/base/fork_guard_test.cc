#include "plugin/base/fork_guard.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace samehost {
namespace {

TEST(ForkGuardTest, ChildSeesAnotherGeneration) {
  const uint64_t here = ForkGeneration();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const uint64_t in_child = ForkGeneration();
    const pid_t grandchild = fork();
    if (grandchild == 0) _exit(ForkGeneration() != in_child && ForkGeneration() != here ? 0 : 1);
    int status = 0;
    waitpid(grandchild, &status, 0);
    _exit(in_child != here && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(ForkGeneration(), here);
}

}  // namespace
}  // namespace samehost
