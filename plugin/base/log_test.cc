#include "plugin/base/log.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace samehost
