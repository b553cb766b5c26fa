#include "plugin/base/log.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

namespace samehost {
namespace {

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    level_ = MinLogLevel();
    SetLogSink([this](LogLevel, std::string_view line) { lines_.emplace_back(line); });
  }
  void TearDown() override {
    SetLogSink({});
    SetMinLogLevel(level_);
  }
  std::vector<std::string> lines_;
  LogLevel level_ = LogLevel::kWarning;
};

TEST_F(LogTest, ShowsWhatTheLevelAllows) {
  SetMinLogLevel(LogLevel::kWarning);
  Log(LogLevel::kInfo, "quiet");
  Log(LogLevel::kWarning, "loud");
  SetMinLogLevel(LogLevel::kOff);
  Log(LogLevel::kError, "never");
  EXPECT_EQ(lines_, std::vector<std::string>{"samehost: loud"});
}

TEST_F(LogTest, OneLineAMessage) {
  Log(LogLevel::kError, "a\nb");
  EXPECT_EQ(lines_, std::vector<std::string>{"samehost: a b"});
}

TEST_F(LogTest, LogOnceForgetsRepeats) {
  SetMinLogLevel(LogLevel::kInfo);
  for (int i = 0; i < 3; ++i) LogOnce(LogLevel::kInfo, "log_test.a", "first");
  LogOnce(LogLevel::kInfo, "log_test.b", "second");
  EXPECT_EQ(lines_, (std::vector<std::string>{"samehost: first", "samehost: second"}));
}

// The environment is read at first use, so in a process of its own.
std::string SaidWith(const char* level) {
  ::testing::internal::CaptureStderr();
  const pid_t child = fork();
  if (child == 0) {
    setenv("SAMEHOST_LOG", level, 1);
    execl("/proc/self/exe", "log_test", "--gtest_filter=LogLevelTest.DISABLED_OfTheEnvironment",
          "--gtest_also_run_disabled_tests", static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  return ::testing::internal::GetCapturedStderr();
}

TEST(LogLevelTest, DISABLED_OfTheEnvironment) { (void)MinLogLevel(); }

TEST(LogLevelTest, AnUnknownOneIsSaid) {
  EXPECT_NE(SaidWith("verbose").find("SAMEHOST_LOG is \"verbose\""), std::string::npos);
  for (const char* known : {"", "debug", "info", "warning", "error", "off"}) {
    EXPECT_EQ(SaidWith(known), "") << known;
  }
}

}  // namespace
}  // namespace samehost
