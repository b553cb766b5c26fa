// Debian's order of versions, against dpkg itself.
#include "plugin/cli/debian_version.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "plugin/cli/testing/program.h"

namespace samehost::cli {
namespace {

char Sign(int order) { return order < 0 ? '<' : order > 0 ? '>' : '='; }

TEST(DebianVersionTest, OrdersThatMatterHere) {
  const std::vector<std::string> oldest_first = {
      "4.3.4~rc1-1",      "4.3.4-6~bpo11+1", "4.3.4-6", "4.3.4-6+b1", "4.3.4-6+deb12u1",
      "4.3.4-6+deb12u10", "4.3.4-6.1",       "4.3.5-1", "4.3.10-1",   "1:1.0-1"};
  for (size_t i = 0; i < oldest_first.size(); ++i) {
    for (size_t j = 0; j < oldest_first.size(); ++j) {
      const int order = CompareDebianVersions(oldest_first[i], oldest_first[j]);
      EXPECT_EQ(Sign(order), Sign(static_cast<int>(i) - static_cast<int>(j)))
          << oldest_first[i] << " " << oldest_first[j];
    }
  }
  EXPECT_EQ(CompareDebianVersions("0:1.0-0", "1.0"), 0);
  EXPECT_EQ(CompareDebianVersions("1.00", "1.0"), 0);
}

TEST(DebianVersionTest, TextThatIsNoVersion) {
  for (const char* text : {"", ":", "-", "::--", "~", "\xff\x01", "99999999999999999999999999"}) {
    EXPECT_EQ(CompareDebianVersions(text, text), 0) << text;
    EXPECT_EQ(Sign(CompareDebianVersions(text, "1.0")), Sign(-CompareDebianVersions("1.0", text)));
  }
}

class AgainstDpkgTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::IsInstalled("dpkg")) GTEST_SKIP() << "dpkg is not installed";
  }
  std::string Word(const char* letters, size_t most) {
    const std::string_view all = letters;
    std::string out;
    for (size_t left = random_() % (most + 1); left > 0; --left) out += all[random_() % all.size()];
    return out;
  }
  // Out of few letters, so that many pairs are equal for a while.
  std::string Version() {
    std::string out = random_() % 4 == 0 ? std::to_string(random_() % 3) + ":" : "";
    out += std::to_string(random_() % 3) + Word("0019.a~+Z", 6);
    if (random_() % 2 == 0) out += "-" + std::to_string(random_() % 3) + Word("01.b~+", 4);
    return out;
  }
  std::mt19937 random_{std::random_device{}()};
  testing::Scratch scratch_;
};

TEST_F(AgainstDpkgTest, GeneratedVersions) {
  const unsigned seed = std::random_device{}();
  random_.seed(seed);
  SCOPED_TRACE("seed " + std::to_string(seed));
  constexpr int kPairs = 300;
  std::string ours;
  {
    std::ofstream pairs(scratch_.path() + "/pairs");
    for (int i = 0; i < kPairs; ++i) {
      const std::string a = Version();
      const std::string b = i % 10 == 0 ? a : Version();
      pairs << a << " " << b << "\n";
      ours += a + " " + Sign(CompareDebianVersions(a, b)) + " " + b + "\n";
    }
  }
  const testing::Ended dpkg =
      testing::RunToEnd({"sh", "-c",
                         "while read -r a b; do "
                         "if dpkg --compare-versions \"$a\" lt \"$b\"; then echo \"$a < $b\"; "
                         "elif dpkg --compare-versions \"$a\" gt \"$b\"; then echo \"$a > $b\"; "
                         "else echo \"$a = $b\"; fi; done < \"$0\"",
                         scratch_.path() + "/pairs"});
  EXPECT_EQ(dpkg.errors, "");
  EXPECT_EQ(ours, dpkg.out);
}

}  // namespace
}  // namespace samehost::cli
