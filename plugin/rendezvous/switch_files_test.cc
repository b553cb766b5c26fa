#include "plugin/rendezvous/switch_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "plugin/rendezvous/switches.h"
#include "plugin/rendezvous/test_support.h"

namespace samehost::rendezvous {
namespace {

using testing::Tcp;

constexpr uid_t kStranger = 4321;

class SwitchFilesTest : public ::testing::Test {
 protected:
  SwitchFilesTest() {
    char name[] = "/tmp/samehost-switch-XXXXXX";
    if (mkdtemp(name) != nullptr) directory_ = name;
  }
  ~SwitchFilesTest() override { std::filesystem::remove_all(directory_); }

  std::string path(const char* name) const { return directory_ + "/" + name; }
  void Write(const char* name, const std::string& text = "") {
    ASSERT_TRUE(WriteSwitchFile(directory_, name, text).ok());
  }
  std::string Why(const Address& address) const {
    return SwitchedOff(address, directory_).value_or("");
  }
  std::vector<std::string> Ignored() const { return ReadSwitchFiles(directory_).ignored; }

  std::string directory_;
};

TEST_F(SwitchFilesTest, OffIsForEveryAddressUntilItGoes) {
  EXPECT_EQ(Why(Tcp("127.0.0.1", 80)), "");
  Write(kOffFile);
  EXPECT_EQ(Why(Tcp("127.0.0.1", 80)), path("off") + " is there (samehost on removes it)");
  EXPECT_NE(Why(testing::UnixFile("/tmp/x")), "");
  const auto removed = RemoveSwitchFile(directory_, kOffFile);
  ASSERT_TRUE(removed.ok());
  EXPECT_TRUE(*removed);
  EXPECT_EQ(Why(Tcp("127.0.0.1", 80)), "");
  EXPECT_FALSE(*RemoveSwitchFile(directory_, kOffFile));
}

TEST_F(SwitchFilesTest, ExcludeIsForItsAddresses) {
  Write(kExcludeFile, "# a comment\n127.0.0.1:80\n\n  :90 \nunix:/tmp/x");
  EXPECT_EQ(Why(Tcp("127.0.0.1", 80)), path("exclude") + " has 127.0.0.1:80");
  EXPECT_EQ(Why(Tcp("::1", 90)), path("exclude") + " has :90");
  EXPECT_EQ(Why(testing::UnixFile("/tmp/x")), path("exclude") + " has unix:/tmp/x");
  EXPECT_EQ(Why(Tcp("127.0.0.1", 81)), "");
  EXPECT_EQ(Why(testing::UnixFile("/tmp/x:90")), "");
  EXPECT_EQ(Why(testing::Abstract("a comment")), "");
}

TEST_F(SwitchFilesTest, WhatOthersMayWriteIsIgnored) {
  Write(kOffFile);
  for (const mode_t mode : {0664, 0646}) {
    chmod(path("off").c_str(), mode);
    EXPECT_EQ(Why(Tcp("127.0.0.1", 80)), "");
    EXPECT_EQ(Ignored(), std::vector{path("off") + " is ignored: others may write to it"});
  }
}

TEST_F(SwitchFilesTest, LinksAndFoldersAreIgnored) {
  std::ofstream(path("real")) << "";
  ASSERT_EQ(symlink(path("real").c_str(), path("off").c_str()), 0);
  EXPECT_EQ(Ignored(), std::vector{path("off") + " is ignored: it is not a regular file"});
  unlink(path("off").c_str());
  ASSERT_EQ(mkdir(path("off").c_str(), 0755), 0);
  EXPECT_EQ(Why(Tcp("127.0.0.1", 80)), "");
  // And give way.
  std::ofstream(path("off") + "/something") << "";
  Write(kOffFile);
  EXPECT_NE(Why(Tcp("127.0.0.1", 80)), "");
}

TEST_F(SwitchFilesTest, AStrangersFileInRootsDirectoryIsIgnored) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to make a stranger's file";
  chmod(directory_.c_str(), 01777);
  Write(kOffFile);
  ASSERT_EQ(chown(path("off").c_str(), kStranger, kStranger), 0);
  EXPECT_EQ(Why(Tcp("127.0.0.1", 80)), "");
  EXPECT_EQ(Ignored(),
            std::vector{path("off") + " is ignored: it belongs to uid 4321, not to root"});
  // And gives way.
  Write(kOffFile);
  EXPECT_NE(Why(Tcp("127.0.0.1", 80)), "");
}

TEST_F(SwitchFilesTest, AStrangersDirectoryIsNotLookedInto) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to make a stranger's directory";
  Write(kOffFile);
  ASSERT_EQ(chown(directory_.c_str(), kStranger, kStranger), 0);
  EXPECT_EQ(Why(Tcp("127.0.0.1", 80)), "");
  EXPECT_FALSE(WriteSwitchFile(directory_, kOffFile, "").ok());
}

TEST_F(SwitchFilesTest, AFileThatIsTooLargeIsIgnored) {
  Write(kExcludeFile, std::string(64 * 1024, '#') + "\n:80\n");
  EXPECT_EQ(Ignored(), std::vector{path("exclude") + " is ignored: it is larger than 64 KiB"});
}

TEST_F(SwitchFilesTest, TheFileIsReadableWhateverTheUmask) {
  const mode_t before = umask(0777);
  Write(kExcludeFile, ":80\n");
  umask(before);
  struct stat status;
  ASSERT_EQ(stat(path("exclude").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0644u);
}

// The server that was announced stays so: what it says depends on the file, each time.
TEST_F(SwitchFilesTest, AServerRefusesAndThenAcceptsAgain) {
  const Options options = testing::TestOptions(directory_);
  testing::TestServer server(Tcp("127.0.0.1", 0), options, "server");
  ASSERT_TRUE(server.ok());
  const Address address = Tcp("127.0.0.1", server.port());
  EXPECT_EQ(testing::Outcome(testing::Dial(address, options)), "none");
  Write(kOffFile);
  EXPECT_EQ(testing::Outcome(testing::Dial(address, options)),
            "switched_off: " + path("off") + " is there (samehost on removes it)");
  testing::TestServer late(Tcp("127.0.0.1", 0), options, "one that starts meanwhile");
  ASSERT_TRUE(late.ok());
  ASSERT_TRUE(RemoveSwitchFile(directory_, kOffFile).ok());
  EXPECT_EQ(testing::Outcome(testing::Dial(address, options)), "none");
  EXPECT_EQ(testing::Outcome(testing::Dial(Tcp("127.0.0.1", late.port()), options)), "none");
}

// As one whose client does not see the file.
TEST_F(SwitchFilesTest, TheServerLooksForItself) {
  const Options options = testing::TestOptions(directory_);
  testing::TestServer server(Tcp("0.0.0.0", 0), options, "server");
  ASSERT_TRUE(server.ok());
  const std::string port = ":" + std::to_string(server.port());
  Write(kExcludeFile, "0.0.0.0" + port + "\n");
  EXPECT_EQ(testing::Outcome(testing::Dial(Tcp("127.0.0.1", server.port()), options)),
            "switched_off: at the server: " + path("exclude") + " has 0.0.0.0" + port);
}

TEST(ExclusionTest, WhatMayBeExcluded) {
  for (const char* good :
       {":80", "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", "unix:/tmp/x", "unix-abstract:x"}) {
    EXPECT_TRUE(IsExclusion(good)) << good;
  }
  for (const char* bad : {"", "80", "localhost:80", "127.0.0.1", ":", ":99999", "::1:80",
                          "unix:", "/tmp/x", "unix-abstract:"}) {
    EXPECT_FALSE(IsExclusion(bad)) << bad;
  }
}

}  // namespace
}  // namespace samehost::rendezvous
