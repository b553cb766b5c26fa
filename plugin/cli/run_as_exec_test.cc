// `samehost run` becomes the program: what the program sees, and what its caller sees of it.
#include <gtest/gtest.h>
#include <signal.h>

#include <sstream>

#include "plugin/cli/testing/program.h"

namespace samehost::cli::testing {
namespace {

class RunAsExecTest : public ::testing::Test {
 protected:
  Variables Environment() const { return CleanEnvironment(scratch_.path()); }
  Scratch scratch_;
};

TEST_F(RunAsExecTest, ExitStatusAndSignalsPassThrough) {
  const auto code = [&](const Words& words) {
    return RunToEnd(UnderRun(words), Environment()).code;
  };
  EXPECT_EQ(code({"sh", "-c", "exit 37"}), 37);
  EXPECT_EQ(code({"sh", "-c", "kill -TERM $$"}), 128 + SIGTERM);
  EXPECT_EQ(code({"sh", "-c", "kill -KILL $$"}), 128 + SIGKILL);
  EXPECT_EQ(code({"no-such-program-anywhere"}), 127);
  EXPECT_EQ(code({"/etc/passwd"}), 126);
  Program program(UnderRun({"cat"}), Environment());
  program.Tell("as itself");
  EXPECT_EQ(program.Line(), "as itself");
  kill(program.pid(), SIGINT);
  EXPECT_EQ(program.Wait(), 128 + SIGINT);
}

TEST_F(RunAsExecTest, EnvironmentAndDescriptorsAreLeftAlone) {
  const Ended plain = RunToEnd({"env"}, Environment());
  const Ended under = RunToEnd(UnderRun({"env"}), Environment());
  std::istringstream lines(under.out);
  std::string rest;
  int added = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("LD_PRELOAD=", 0) == 0 || line.rfind("LD_LIBRARY_PATH=", 0) == 0 ||
        line.rfind("SAMEHOST_ZMQ=", 0) == 0) {
      ++added;
    } else {
      rest += line + "\n";
    }
  }
  EXPECT_EQ(rest, plain.out);
  EXPECT_GE(added, 1);
  const Words list = {"sh", "-c", "ls /proc/$$/fd; ulimit -n; umask; pwd"};
  EXPECT_EQ(RunToEnd(UnderRun(list), Environment()).out, RunToEnd(list, Environment()).out);
}

TEST_F(RunAsExecTest, ArgumentsArriveWordForWord) {
  const Words words = {"printf", "<%s>\\n", "--", "-v", "--verbose", "a b", "", "--", "*"};
  EXPECT_EQ(RunToEnd(UnderRun(words)).out, RunToEnd(words).out);
  const Words without_dashes = {Samehost(), "run", "printf", "<%s>", "--", "-v"};
  EXPECT_EQ(RunToEnd(without_dashes).out, "<--><-v>");
}

}  // namespace
}  // namespace samehost::cli::testing
