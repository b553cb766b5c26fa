#include "plugin/rendezvous/directory.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "plugin/rendezvous/entry.h"
#include "plugin/rendezvous/test_support.h"

namespace samehost::rendezvous {
namespace {

using testing::Child;
using testing::TempFolder;

std::string Own(const TempFolder& base) { return base.path() + "/" + std::to_string(geteuid()); }

ErrorCode CodeOf(const Result<std::shared_ptr<UserFolder>>& folder) {
  return folder.ok() ? ErrorCode::kSystem : folder.error().code;
}

class DirectoryTest : public ::testing::Test {
 protected:
  std::shared_ptr<UserFolder> Open() {
    auto folder = OpenOwnFolder(base_.path());
    EXPECT_TRUE(folder.ok()) << ToString(folder.error());
    return folder ? *folder : nullptr;
  }
  Listing Find(const std::string& prefix) { return FindEntries(base_.path(), prefix, {}); }

  TempFolder base_;
};

TEST_F(DirectoryTest, OwnFolderIsMadeWithItsMode) {
  const mode_t before = umask(0077);
  auto folder = Open();
  umask(before);
  ASSERT_NE(folder, nullptr);
  struct stat status;
  ASSERT_EQ(stat(Own(base_).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755u);
  EXPECT_EQ(status.st_uid, geteuid());
  EXPECT_NE(Open(), nullptr);  // again
}

TEST_F(DirectoryTest, MissingBaseIsNotFound) {
  EXPECT_EQ(CodeOf(OpenOwnFolder("/nonexistent/base")), ErrorCode::kNotFound);
  EXPECT_FALSE(FindEntries("/nonexistent/base", "tcp-1-", {}).any_base);
}

// As in a volume into which everybody may write, which itself would be refused.
TEST_F(DirectoryTest, ConfiguredBaseIsMadeByTheServerAndNotByTheClient) {
  ASSERT_EQ(chmod(base_.path().c_str(), 0777), 0);
  const std::string configured = base_.path() + "/samehost";
  EXPECT_FALSE(FindEntries(configured, "tcp-1-", {}).any_base);
  EXPECT_FALSE(std::filesystem::exists(configured));
  EXPECT_TRUE(OpenOwnFolder(configured).ok());
  EXPECT_TRUE(FindEntries(configured, "tcp-1-", {}).any_base);
  struct stat status;
  ASSERT_EQ(stat(configured.c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, geteuid());
  EXPECT_EQ(status.st_mode & 07777, geteuid() == 0 ? 01777u : 0700u);
}

TEST_F(DirectoryTest, BaseThatOthersMayWriteIsRefusedUnlessSticky) {
  chmod(base_.path().c_str(), 0777);
  EXPECT_EQ(CodeOf(OpenOwnFolder(base_.path())), ErrorCode::kRefused);
  EXPECT_EQ(Find("tcp-1-").refused.size(), 1u);
  chmod(base_.path().c_str(), 0775);
  EXPECT_EQ(CodeOf(OpenOwnFolder(base_.path())), ErrorCode::kRefused);
  chmod(base_.path().c_str(), 01777);
  EXPECT_TRUE(OpenOwnFolder(base_.path()).ok());
}

TEST_F(DirectoryTest, SymbolicLinkAsBaseIsRefused) {
  const std::string link = base_.path() + "/link";
  std::filesystem::create_directory(base_.path() + "/real");
  std::filesystem::create_symlink(base_.path() + "/real", link);
  EXPECT_EQ(CodeOf(OpenOwnFolder(link)), ErrorCode::kRefused);
  EXPECT_EQ(FindEntries(link, "tcp-1-", {}).refused.size(), 1u);
}

TEST_F(DirectoryTest, FileAsBaseIsRefused) {
  std::ofstream(base_.path() + "/file") << "x";
  EXPECT_EQ(CodeOf(OpenOwnFolder(base_.path() + "/file")), ErrorCode::kRefused);
}

TEST_F(DirectoryTest, SymbolicLinkAsUserFolderIsRefused) {
  std::filesystem::create_directory(base_.path() + "/elsewhere");
  std::filesystem::create_symlink(base_.path() + "/elsewhere", Own(base_));
  EXPECT_EQ(CodeOf(OpenOwnFolder(base_.path())), ErrorCode::kRefused);
  EXPECT_EQ(Find("tcp-1-").refused.size(), 1u);
}

TEST_F(DirectoryTest, UserFolderThatOthersMayWriteIsRefused) {
  std::filesystem::create_directory(Own(base_));
  for (const mode_t mode : {0775, 0757, 01777}) {
    chmod(Own(base_).c_str(), mode);
    EXPECT_EQ(CodeOf(OpenOwnFolder(base_.path())), ErrorCode::kRefused) << mode;
    EXPECT_EQ(Find("tcp-1-").refused.size(), 1u) << mode;
  }
}

TEST_F(DirectoryTest, SquatterIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to act as another user";
  std::filesystem::create_directory(Own(base_));
  ASSERT_EQ(chown(Own(base_).c_str(), 4711, 4711), 0);
  EXPECT_EQ(CodeOf(OpenOwnFolder(base_.path())), ErrorCode::kRefused);
  EXPECT_EQ(Find("tcp-1-").refused.size(), 1u);
}

TEST_F(DirectoryTest, BaseOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to act as another user";
  ASSERT_EQ(chown(base_.path().c_str(), 4711, 4711), 0);
  EXPECT_EQ(CodeOf(OpenOwnFolder(base_.path())), ErrorCode::kRefused);
}

TEST_F(DirectoryTest, OverflowUserHasNoFolder) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to act as another user";
  chmod(base_.path().c_str(), 01777);
  Child child([&](Child::Talk& talk) {
    if (setresuid(OverflowUid(), OverflowUid(), OverflowUid()) != 0) return talk.Say("cannot");
    talk.Say(CodeOf(OpenOwnFolder(base_.path())) == ErrorCode::kRefused ? "refused" : "?");
  });
  EXPECT_EQ(child.talk().Hear(), "refused");
}

TEST_F(DirectoryTest, EnvironmentNamesTheBase) {
  setenv("SAMEHOST_DIR", base_.path().c_str(), 1);
  auto folder = OpenOwnFolder("");
  unsetenv("SAMEHOST_DIR");
  ASSERT_TRUE(folder.ok()) << ToString(folder.error());
  EXPECT_EQ((*folder)->path, Own(base_));
}

TEST_F(DirectoryTest, EntriesAreFoundByPrefixOnly) {
  auto folder = Open();
  ASSERT_NE(folder, nullptr);
  auto entry = MakeEntry(folder, "tcp-50051-");
  auto other = MakeEntry(folder, "tcp-5005-");
  ASSERT_TRUE(entry.ok() && other.ok());
  const Listing listing = Find("tcp-50051-");
  ASSERT_EQ(listing.candidates.size(), 1u);
  EXPECT_EQ(listing.candidates[0].name, entry->name);
  EXPECT_EQ(listing.candidates[0].folder->owner, geteuid());
}

TEST_F(DirectoryTest, ServersOfOtherUsersAreStrangersUnlessAllowed) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to act as another user";
  const std::string theirs = base_.path() + "/4711";
  std::filesystem::create_directory(theirs);
  std::ofstream(theirs + "/tcp-1-x") << "";
  ASSERT_EQ(chown(theirs.c_str(), 4711, 4711), 0);
  EXPECT_EQ(Find("tcp-1-").strangers.size(), 1u);
  EXPECT_TRUE(Find("tcp-1-").candidates.empty());
  AccessPolicy policy;
  policy.users = {4711};
  EXPECT_EQ(FindEntries(base_.path(), "tcp-1-", policy).candidates.size(), 1u);
  policy = {};
  policy.groups = {4712};  // who is in it shows only once there is a connection
  EXPECT_EQ(FindEntries(base_.path(), "tcp-1-", policy).candidates.size(), 1u);
}

TEST_F(DirectoryTest, LiveEntryConnectsAndStaleOneIsKnownAndRemoved) {
  auto folder = Open();
  ASSERT_NE(folder, nullptr);
  Child server([&](Child::Talk& talk) {
    auto entry = MakeEntry(folder, "tcp-1-");
    talk.Say(entry.ok() ? "there" : "failed");
    talk.Hear();
  });
  ASSERT_EQ(server.talk().Hear(), "there");
  const Candidate candidate = Find("tcp-1-").candidates.at(0);
  EXPECT_TRUE(ConnectEntry(candidate, std::chrono::seconds(10)).ok());
  server.Kill(SIGKILL);
  server.Wait();
  const auto refused = ConnectEntry(candidate, std::chrono::seconds(10));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kClosed);
  RemoveStale(candidate);
  EXPECT_TRUE(Find("tcp-1-").candidates.empty());
}

TEST_F(DirectoryTest, NewEntrySweepsStaleOnesAndLeavesLiveOnes) {
  auto folder = Open();
  ASSERT_NE(folder, nullptr);
  Child dead([&](Child::Talk&) { (void)MakeEntry(folder, "tcp-1-"); });
  dead.Wait();
  auto live = MakeEntry(folder, "tcp-1-");
  ASSERT_TRUE(live.ok());
  auto another = MakeEntry(folder, "tcp-1-");
  ASSERT_TRUE(another.ok());
  EXPECT_EQ(Find("tcp-1-").candidates.size(), 2u);
}

TEST_F(DirectoryTest, FullBacklogTimesOut) {
  auto folder = Open();
  ASSERT_NE(folder, nullptr);
  auto entry = MakeEntry(folder, "tcp-1-");
  ASSERT_TRUE(entry.ok());
  ASSERT_EQ(listen(entry->listener.get(), 0), 0);
  const Candidate candidate = Find("tcp-1-").candidates.at(0);
  std::vector<UniqueFd> waiting;
  Result<UniqueFd> socket = ConnectEntry(candidate, std::chrono::milliseconds(20));
  for (int i = 0; i < 10 && socket.ok(); ++i) {
    waiting.push_back(*std::move(socket));
    socket = ConnectEntry(candidate, std::chrono::milliseconds(20));
  }
  ASSERT_FALSE(socket.ok());
  EXPECT_EQ(socket.error().code, ErrorCode::kTimeout);
}

TEST_F(DirectoryTest, EntriesWorkUnderAVeryLongBase) {
  std::string path = base_.path();
  for (int i = 0; i < 5; ++i) {
    path += "/" + std::string(100, 'd');
    std::filesystem::create_directory(path);
  }
  auto folder = OpenOwnFolder(path);
  ASSERT_TRUE(folder.ok());
  auto entry = MakeEntry(*folder, "unix-0123456789abcdef-");
  ASSERT_TRUE(entry.ok()) << ToString(entry.error());
  const Listing listing = FindEntries(path, "unix-0123456789abcdef-", {});
  ASSERT_EQ(listing.candidates.size(), 1u);
  EXPECT_TRUE(ConnectEntry(listing.candidates[0], std::chrono::seconds(10)).ok());
}

}  // namespace
}  // namespace samehost::rendezvous
