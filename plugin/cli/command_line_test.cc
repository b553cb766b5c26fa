// What a user is told who mistypes: the word is named, and what it may be.
#include <gtest/gtest.h>

#include "plugin/cli/testing/program.h"

namespace samehost::cli::testing {
namespace {

class CommandLineTest : public ::testing::Test {
 protected:
  // Wrong: ends with 2, prints nothing on stdout, and says this.
  void ExpectWrong(const Words& words, const Words& said) const {
    Words all = {Samehost()};
    all.insert(all.end(), words.begin(), words.end());
    const Ended ended = RunToEnd(all, CleanEnvironment(scratch_.path()));
    std::string line;
    for (const std::string& word : words) line += word + " ";
    EXPECT_EQ(ended.code, 2) << line;
    EXPECT_EQ(ended.out, "") << line;
    for (const std::string& text : said) {
      EXPECT_NE(ended.errors.find(text), std::string::npos) << line << ": " << ended.errors;
    }
  }

  Scratch scratch_;
};

TEST_F(CommandLineTest, CommandsThatAreNone) {
  ExpectWrong({"frob"}, {"\"frob\"", "run, status, explain, doctor, metrics"});
  ExpectWrong({"statsu", "--json"}, {"\"statsu\"", "did you mean status?"});
}

TEST_F(CommandLineTest, OptionsThatAreNone) {
  ExpectWrong({"run", "--bogus"}, {"samehost run", "\"--bogus\""});
  ExpectWrong({"run", "--bogus", "--", "true"}, {"\"--bogus\""});
  ExpectWrong({"run", "--bogus", "true"}, {"\"--bogus\""});
  ExpectWrong({"run", "--replace-tsl", "true"}, {"did you mean --replace-tls?"});
  ExpectWrong({"run", "--no-grcp", "true"}, {"did you mean --no-grpc?"});
  ExpectWrong({"run", "--wiat=latency", "true"}, {"\"--wiat\"", "did you mean --wait?"});
  ExpectWrong({"status", "--jsno"}, {"samehost status", "\"--jsno\"", "did you mean --json?"});
  ExpectWrong({"status", "word"}, {"\"word\""});
  ExpectWrong({"explain", "a:1", "b:1"}, {"\"b:1\""});
  ExpectWrong({"--verison"}, {"\"--verison\"", "did you mean --version?"});
}

TEST_F(CommandLineTest, ValuesThatNobodyKnows) {
  ExpectWrong({"run", "--wait", "nonsense", "true"}, {"--wait", "nonsense", "balanced"});
  ExpectWrong({"run", "--allow-users", "nosuchuser", "true"}, {"--allow-users", "\"nosuchuser\""});
  ExpectWrong({"run", "--allow-users", "root,nosuchuser", "true"}, {"\"nosuchuser\""});
  ExpectWrong({"run", "--allow-groups", "nosuchgroup", "true"},
              {"--allow-groups", "\"nosuchgroup\""});
  ExpectWrong({"run", "--exclude", "nonsense", "true"}, {"--exclude", "\"nonsense\""});
  ExpectWrong({"run", "--exclude", ":1,localhost:2", "true"}, {"\"localhost:2\""});
  ExpectWrong({"explain", "--credentials", "x", "a:1"}, {"--credentials", "insecure"});
}

TEST_F(CommandLineTest, DirectoriesThatAreNotThere) {
  const std::string missing = scratch_.path() + "/missing/too";
  ExpectWrong({"run", "--dir", missing, "true"}, {"--dir", missing, scratch_.path() + "/missing/"});
  ExpectWrong({"explain", "--dir", missing, "127.0.0.1:1"}, {"--dir", missing});
  ExpectWrong({"run", "--dir", "/dev/null", "true"}, {"/dev/null is no directory"});
  // A server makes the last folder of it.
  const Ended made = RunToEnd({Samehost(), "run", "--dir", scratch_.path() + "/new/", "true"});
  EXPECT_EQ(made.code, 0) << made.errors;
}

TEST_F(CommandLineTest, WordsThatAreFine) {
  for (const Words& words : std::vector<Words>{
           {"run", "--allow-users", "root,4711", "--allow-groups", "root", "true"},
           {"run", "--exclude", "127.0.0.1:1,:2", "--exclude", "unix:/a", "--", "true"},
           {"run", "true", "--bogus"},
           {"run", "--", "true", "--bogus"}}) {
    Words all = {Samehost()};
    all.insert(all.end(), words.begin(), words.end());
    const Ended ended = RunToEnd(all, CleanEnvironment(scratch_.path()));
    EXPECT_EQ(ended.code, 0) << words[1] << ": " << ended.errors;
    EXPECT_EQ(ended.errors, "") << words[1];
  }
}

}  // namespace
}  // namespace samehost::cli::testing
