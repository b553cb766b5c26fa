#include "plugin/rendezvous/switches.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "plugin/rendezvous/test_support.h"

namespace samehost::rendezvous {
namespace {

using testing::Abstract;
using testing::Tcp;
using testing::UnixFile;

class Switches : public ::testing::Test {
 protected:
  ~Switches() override {
    unsetenv("SAMEHOST");
    unsetenv("SAMEHOST_EXCLUDE");
  }
  bool Off(const Address& address) { return SwitchedOff(address, "/nonexistent").has_value(); }
};

TEST_F(Switches, OffAsAWhole) {
  EXPECT_FALSE(Off(Tcp("127.0.0.1", 1)));
  for (const char* value : {"off", "0"}) {
    setenv("SAMEHOST", value, 1);
    EXPECT_TRUE(Off(Tcp("127.0.0.1", 1))) << value;
  }
  for (const char* value : {"on", "1", ""}) {
    setenv("SAMEHOST", value, 1);
    EXPECT_FALSE(Off(Tcp("127.0.0.1", 1))) << value;
  }
}

TEST_F(Switches, PerAddress) {
  setenv("SAMEHOST_EXCLUDE", "127.0.0.1:80, [::1]:81,:90,unix:/tmp/x,unix-abstract:y,", 1);
  EXPECT_TRUE(Off(Tcp("127.0.0.1", 80)));
  EXPECT_TRUE(Off(Tcp("::ffff:127.0.0.1", 80)));
  EXPECT_FALSE(Off(Tcp("127.0.0.1", 8)));
  EXPECT_FALSE(Off(Tcp("127.0.0.2", 80)));
  EXPECT_TRUE(Off(Tcp("::1", 81)));
  EXPECT_TRUE(Off(Tcp("10.0.0.1", 90)));
  EXPECT_TRUE(Off(Tcp("fd00::1", 90)));
  EXPECT_TRUE(Off(UnixFile("/tmp/x")));
  EXPECT_FALSE(Off(UnixFile("/tmp/xy")));
  EXPECT_TRUE(Off(Abstract("y")));
}

TEST_F(Switches, BothSidesSayWhy) {
  const Options options = testing::TestOptions("/nonexistent");
  setenv("SAMEHOST", "off", 1);
  EXPECT_EQ(testing::Outcome(testing::Dial(Tcp("127.0.0.1", 1), options)),
            "switched_off: SAMEHOST=off");
  const auto announcement = Announce(Tcp("127.0.0.1", 1), options, {});
  ASSERT_FALSE(announcement.ok());
  EXPECT_EQ(ToFallback(announcement.error()).reason, FallbackReason::kSwitchedOff);
}

// What these say is found by an address of that text; what they refuse never is.
TEST(ExclusionTest, ItemsThatCanBeAddresses) {
  for (const char* item : {"127.0.0.1:50051", "[::1]:50051", ":50051", "unix:/run/app.sock",
                           "unix-abstract:name", "[fe80::1%2]:1"}) {
    EXPECT_TRUE(IsExclusion(item)) << item;
  }
  for (const char* item : {"", "localhost:50051", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0",
                           "127.0.0.1:99999", "127.0.0.1:x", "[::1]", "[0:0::1]:1", "::1:1",
                           "tcp://127.0.0.1:1", "unix:", "nonsense", ":", ":0", "127.1:1"}) {
    EXPECT_FALSE(IsExclusion(item)) << item;
  }
}

}  // namespace
}  // namespace samehost::rendezvous
