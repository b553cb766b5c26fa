#include "plugin/base/settings_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "plugin/base/setting.h"

namespace samehost {
namespace {

TEST(SettingsFileTest, LinesAreAsOfAnEnvironmentFile) {
  const SettingsFile file = ParseSettings(
      "# a comment\n"
      "; another\n"
      "\n"
      "SAMEHOST_WAIT=efficient\r\n"
      "  SAMEHOST_EXCLUDE = \"127.0.0.1:80, :90\"  \n"
      "SAMEHOST_DIR='/srv/samehost'\n"
      "SAMEHOST_ALLOW_USERS=\n"
      "SAMEHOST=off");
  EXPECT_TRUE(file.problems.empty()) << file.problems.front();
  EXPECT_STREQ(file.Find("SAMEHOST_WAIT"), "efficient");
  EXPECT_STREQ(file.Find("SAMEHOST_EXCLUDE"), "127.0.0.1:80, :90");
  EXPECT_STREQ(file.Find("SAMEHOST_DIR"), "/srv/samehost");
  EXPECT_STREQ(file.Find("SAMEHOST_ALLOW_USERS"), "");
  EXPECT_STREQ(file.Find("SAMEHOST"), "off");
  EXPECT_EQ(file.Find("SAMEHOST_LOG"), nullptr);
}

TEST(SettingsFileTest, WhatIsNotUnderstoodIsNamedAndTheRestCounts) {
  const SettingsFile file = ParseSettings(
      "SAMEHOST_WIAT=efficient\n"
      "export SAMEHOST=off\n"
      "SAMEHOST_WAIT=fast\n"
      "SAMEHOST_DIR=samehost\n"
      "just words\n"
      "SAMEHOST_ZMQ=ipc,udp\n"
      "SAMEHOST_LOG=info\n");
  ASSERT_EQ(file.problems.size(), 6u);
  EXPECT_EQ(file.problems[0], "line 1 has the unknown setting \"SAMEHOST_WIAT\"");
  EXPECT_EQ(file.problems[1], "line 2 has the unknown setting \"export SAMEHOST\"");
  EXPECT_EQ(file.problems[2],
            "line 3 has SAMEHOST_WAIT=fast, which is not efficient, balanced or latency");
  EXPECT_EQ(file.problems[3], "line 4 has SAMEHOST_DIR=samehost, which is not an absolute path");
  EXPECT_EQ(file.problems[4], "line 5 is not NAME=value");
  EXPECT_EQ(file.problems[5],
            "line 6 has SAMEHOST_ZMQ=ipc,udp, which is not ipc, tcp, both, or off");
  EXPECT_EQ(file.values.size(), 1u);
  EXPECT_STREQ(file.Find("SAMEHOST_LOG"), "info");
}

TEST(SettingsFileTest, TheListOfProblemsIsBounded) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "nonsense\n";
  EXPECT_EQ(ParseSettings(text).problems.size(), SettingsFile::kMaxProblems);
}

class SettingsFileOnDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only a file of root's counts";
    char name[] = "/tmp/samehost-conf-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    Write("SAMEHOST=off\n");
    chmod(path().c_str(), 0644);
  }
  void TearDown() override {
    if (folder_.empty()) return;
    unlink(path().c_str());
    rmdir(folder_.c_str());
  }
  std::string path() const { return folder_ + "/samehost.conf"; }
  void Write(const std::string& text) { std::ofstream(path()) << text; }
  std::string Problem() const {
    const SettingsFile file = ReadSettingsFile(path().c_str());
    EXPECT_TRUE(file.values.empty());
    return file.problems.empty() ? "" : file.problems.front();
  }

  std::string folder_;
};

TEST_F(SettingsFileOnDisk, RootsFileCounts) {
  const SettingsFile file = ReadSettingsFile(path().c_str());
  EXPECT_TRUE(file.present);
  EXPECT_TRUE(file.problems.empty());
  EXPECT_STREQ(file.Find("SAMEHOST"), "off");
}

TEST_F(SettingsFileOnDisk, NoFileIsNoProblem) {
  unlink(path().c_str());
  EXPECT_EQ(Problem(), "");
  EXPECT_FALSE(ReadSettingsFile(path().c_str()).present);
}

TEST_F(SettingsFileOnDisk, AFileThatOthersMayWriteIsIgnored) {
  for (const mode_t mode : {0664, 0646}) {
    chmod(path().c_str(), mode);
    EXPECT_EQ(Problem(), "the file is ignored: others than root may write to it");
  }
}

TEST_F(SettingsFileOnDisk, AnotherUsersFileIsIgnored) {
  ASSERT_EQ(chown(path().c_str(), 1234, 0), 0);
  EXPECT_EQ(Problem(), "the file is ignored: it belongs to uid 1234, not to root");
}

TEST_F(SettingsFileOnDisk, WhatIsNoFileOrTooLargeIsIgnored) {
  Write(std::string(SettingsFile::kMaxBytes + 1, '#'));
  EXPECT_EQ(Problem(), "the file is ignored: it is larger than 65536 bytes");
  unlink(path().c_str());
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  EXPECT_EQ(Problem(), "the file is ignored: it is not a regular file");
}

TEST(SettingTest, TheEnvironmentIsAsked) {
  unsetenv("SAMEHOST_WAIT");
  EXPECT_EQ(SettingOr("SAMEHOST_WAIT", "balanced"), "balanced");
  setenv("SAMEHOST_WAIT", "latency", 1);
  EXPECT_STREQ(GetSetting("SAMEHOST_WAIT"), "latency");
  EXPECT_EQ(DescribeSetting("SAMEHOST_WAIT"), "SAMEHOST_WAIT=latency");
  setenv("SAMEHOST_WAIT", "", 1);
  EXPECT_EQ(SettingOr("SAMEHOST_WAIT", "balanced"), "");
  unsetenv("SAMEHOST_WAIT");
}

}  // namespace
}  // namespace samehost
