#include "plugin/cli/setting_values.h"

#include <gtest/gtest.h>

namespace samehost::cli {
namespace {

// What is said of a value; empty when nothing is.
std::string Said(const std::string& variable, const std::string& value) {
  std::string out;
  for (const OddSetting& odd : OddValues(variable, value)) out += odd.why + "\n";
  return out;
}

TEST(SettingValuesTest, ValuesThatProgramsKnow) {
  const std::pair<const char*, const char*> known[] = {{"SAMEHOST", "off"},
                                                       {"SAMEHOST", ""},
                                                       {"SAMEHOST_WAIT", "latency"},
                                                       {"SAMEHOST_LOG", "warning"},
                                                       {"SAMEHOST_ZMQ", "ipc,tcp"},
                                                       {"SAMEHOST_ZMQ", "off"},
                                                       {"SAMEHOST_ALLOW_USERS", "root, 4711"},
                                                       {"SAMEHOST_ALLOW_GROUPS", "root"},
                                                       {"SAMEHOST_EXCLUDE", ":1,unix:/a"},
                                                       {"SAMEHOST_REPLACE_TLS", "1"},
                                                       {"SAMEHOST_DIR", "/anywhere"}};
  for (const auto& [name, value] : known) EXPECT_EQ(Said(name, value), "") << name << value;
}

TEST(SettingValuesTest, ValuesThatNobodyKnows) {
  const std::pair<const char*, const char*> odd[] = {{"SAMEHOST", "false"},
                                                     {"SAMEHOST_WAIT", "latncy"},
                                                     {"SAMEHOST_LOG", "verbose"},
                                                     {"SAMEHOST_ZMQ", "ipc,udp"},
                                                     {"SAMEHOST_ALLOW_USERS", "root,no-such-user"},
                                                     {"SAMEHOST_ALLOW_GROUPS", "no-such-group"},
                                                     {"SAMEHOST_EXCLUDE", "localhost:1"},
                                                     {"SAMEHOST_REPLACE_TLS", "yes"}};
  for (const auto& [name, value] : odd) {
    const std::vector<OddSetting> said = OddValues(name, value);
    ASSERT_EQ(said.size(), 1u) << name << value;
    EXPECT_EQ(said[0].setting, std::string(name) + "=" + value);
  }
  EXPECT_NE(Said("SAMEHOST_WAIT", "latncy").find("did you mean latency?"), std::string::npos);
  EXPECT_NE(Said("SAMEHOST_ALLOW_USERS", "root,no-such-user").find("\"no-such-user\""),
            std::string::npos);
  EXPECT_EQ(OddValues("SAMEHOST_EXCLUDE", "a,b,:1").size(), 2u) << "each item is told";
}

TEST(SettingValuesTest, OfThisProcess) {
  setenv("SAMEHOST_EXCLUDES", ":1", 1);
  setenv("SAMEHOST_ZMQ_SOURCE", "/libzmq", 1);  // who builds has it
  std::string all;
  for (const OddSetting& odd : OddSettingsHere()) all += odd.setting + " " + odd.why + "\n";
  unsetenv("SAMEHOST_EXCLUDES");
  EXPECT_NE(all.find("SAMEHOST_EXCLUDES=:1 there is no such variable; did you mean "
                     "SAMEHOST_EXCLUDE?"),
            std::string::npos)
      << all;
  EXPECT_EQ(all.find("SAMEHOST_ZMQ_SOURCE"), std::string::npos) << all;
  unsetenv("SAMEHOST_ZMQ_SOURCE");
}

}  // namespace
}  // namespace samehost::cli
