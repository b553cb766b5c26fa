#include "plugin/rendezvous/access_variables.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace samehost::rendezvous {
namespace {

class AccessVariables : public ::testing::Test {
 protected:
  AccessVariables() { Clear(); }
  ~AccessVariables() override { Clear(); }
  static void Clear() {
    unsetenv("SAMEHOST_ALLOW_USERS");
    unsetenv("SAMEHOST_ALLOW_GROUPS");
  }
  static std::vector<uid_t> Users(const char* value) {
    setenv("SAMEHOST_ALLOW_USERS", value, 1);
    return AccessFromEnvironment().users;
  }
  static std::vector<gid_t> Groups(const char* value) {
    setenv("SAMEHOST_ALLOW_GROUPS", value, 1);
    return AccessFromEnvironment().groups;
  }
  using Ids = std::vector<uint32_t>;
};

TEST_F(AccessVariables, NobodyUnlessTheySaySo) {
  EXPECT_TRUE(AccessFromEnvironment().users.empty());
  EXPECT_TRUE(AccessFromEnvironment().groups.empty());
  EXPECT_EQ(Users(""), Ids{});
  EXPECT_EQ(Users(" ,, "), Ids{});
}

TEST_F(AccessVariables, NumbersAndNames) {
  EXPECT_EQ(Users("1001"), (Ids{1001}));
  EXPECT_EQ(Users("1001, 1002 ,,4294967294"), (Ids{1001, 1002, 4294967294}));
  EXPECT_EQ(Groups("4711,0"), (Ids{4711, 0}));
  // In every distribution.
  EXPECT_EQ(Users("root,7"), (Ids{0, 7}));
  EXPECT_EQ(Groups("7,root"), (Ids{7, 0}));
}

// What is not understood lets nobody in, least of all somebody else.
TEST_F(AccessVariables, OtherWordsAreLeftOut) {
  EXPECT_EQ(Users("no-such-user-anywhere,5"), (Ids{5}));
  EXPECT_EQ(Groups("no-such-group-anywhere"), Ids{});
  for (const char* odd : {"-1", "+1", "0x10", "1001 1002", "1001;1002", "4294967296",
                          "99999999999999999999", "1.5", "*"}) {
    EXPECT_EQ(Users(odd), Ids{}) << odd;
  }
}

TEST_F(AccessVariables, TheTwoAreApart) {
  Users("1");
  Groups("2");
  EXPECT_EQ(AccessFromEnvironment().users, (Ids{1}));
  EXPECT_EQ(AccessFromEnvironment().groups, (Ids{2}));
}

TEST(FindUserAndGroup, ByNameAndNumber) {
  EXPECT_EQ(FindUser("root"), uid_t{0});
  EXPECT_EQ(FindUser("4711"), uid_t{4711});
  EXPECT_EQ(FindUser("no-such-user-anywhere"), std::nullopt);
  EXPECT_EQ(FindGroup("root"), gid_t{0});
  EXPECT_EQ(FindGroup("no-such-group-anywhere"), std::nullopt);
}

}  // namespace
}  // namespace samehost::rendezvous
