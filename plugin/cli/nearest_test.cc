#include "plugin/cli/nearest.h"

#include <gtest/gtest.h>

namespace samehost::cli {
namespace {

const std::vector<std::string> kWords = {"run", "status", "explain", "doctor", "metrics"};

TEST(NearestTest, Slips) {
  EXPECT_EQ(Nearest("statsu", kWords), "status");
  EXPECT_EQ(Nearest("doktor", kWords), "doctor");
  EXPECT_EQ(Nearest("metric", kWords), "metrics");
  EXPECT_EQ(Nearest("explian", kWords), "explain");
  EXPECT_EQ(Nearest("rum", kWords), "run");
  EXPECT_EQ(Nearest("stat", kWords), "status") << "the beginning of it";
  EXPECT_EQ(DidYouMean("stat", kWords), "; did you mean status?");
}

TEST(NearestTest, OtherWords) {
  for (const char* word : {"frob", "", "x", "install", "listen"}) {
    EXPECT_EQ(Nearest(word, kWords), "") << word;
  }
  EXPECT_EQ(Nearest(std::string(100000, 'x'), kWords), "");
  EXPECT_EQ(DidYouMean("frob", kWords), "");
}

}  // namespace
}  // namespace samehost::cli
