// What killed servers leave behind goes, and nothing else does.
#include "plugin/rendezvous/sweep.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "plugin/rendezvous/entry.h"
#include "plugin/rendezvous/test_support.h"

namespace samehost::rendezvous {
namespace {

using testing::Child;
using testing::Dial;
using testing::Listen;
using testing::Outcome;
using testing::PortOf;
using testing::ServerProcess;
using testing::Tcp;
using testing::TempFolder;
using testing::TestOptions;
using testing::TestServer;

constexpr int kPorts = 200;

class Sweep : public ::testing::Test {
 protected:
  std::set<std::string> Names() const {
    std::set<std::string> names;
    std::error_code none;
    for (const auto& file : std::filesystem::directory_iterator(Own(), none)) {
      names.insert(file.path().filename());
    }
    return names;
  }
  std::string Own() const { return base_.path() + "/" + std::to_string(geteuid()); }

  // A process that announces on `kPorts` ephemeral ports and is killed.
  void LeaveDeadEntries() const {
    const size_t before = Names().size();
    Child server([&](Child::Talk& talk) {
      std::vector<std::unique_ptr<TestServer>> servers;
      for (int i = 0; i < kPorts; ++i) {
        servers.push_back(std::make_unique<TestServer>(Tcp("127.0.0.1", 0), options_, "dead"));
      }
      talk.Say("there");
      talk.Hear();
    });
    ASSERT_EQ(server.talk().Hear(), "there");
    server.Kill(SIGKILL);
    server.Wait();
    ASSERT_EQ(Names().size(), before + kPorts);
  }

  TempFolder base_;
  Options options_ = TestOptions(base_.path());
};

TEST_F(Sweep, TheNextServerRemovesAKilledOnes) {
  LeaveDeadEntries();
  const ServerProcess next(Tcp("127.0.0.1", 0), options_, "next");
  EXPECT_EQ(Names().size(), 1u);
  EXPECT_EQ(Outcome(Dial(Tcp("127.0.0.1", next.port()), options_)), "none");
}

TEST_F(Sweep, ClientsRemoveAKilledOnes) {
  const ServerProcess live(Tcp("127.0.0.1", 0), options_, "live");
  LeaveDeadEntries();
  // Each process does a part of it, until the folder is not crowded any more.
  for (int client = 0; client < 2 * kPorts && Names().size() > kCrowdedNames; ++client) {
    Child process([&](Child::Talk& talk) {
      talk.Say(Outcome(Dial(Tcp("127.0.0.1", live.port()), options_)));
    });
    EXPECT_EQ(process.talk().Hear(), "none");
  }
  EXPECT_LE(Names().size(), kCrowdedNames);
  EXPECT_EQ(Outcome(Dial(Tcp("127.0.0.1", live.port()), options_)), "none");
}

TEST_F(Sweep, ACommandRemovesThemAll) {
  const ServerProcess live(Tcp("127.0.0.1", 0), options_, "live");
  LeaveDeadEntries();
  EXPECT_EQ(SweepOwnFolders(base_.path()), size_t{kPorts});
  EXPECT_EQ(Names().size(), 1u);
  EXPECT_EQ(SweepOwnFolders(base_.path()), 0u);
  EXPECT_EQ(Outcome(Dial(Tcp("127.0.0.1", live.port()), options_)), "none");
}

// A stopped server answers nobody and is alive: its backlog takes the connections, or is full.
TEST_F(Sweep, StoppedServersStay) {
  ServerProcess stopped(Tcp("127.0.0.1", 0), options_, "stopped");
  stopped.child().Stop();
  for (int i = 0; i < 200; ++i) EXPECT_EQ(SweepOwnFolders(base_.path()), 0u);
  EXPECT_EQ(Names().size(), 1u);
  stopped.child().Kill(SIGCONT);
  EXPECT_EQ(Outcome(Dial(Tcp("127.0.0.1", stopped.port()), options_)), "none");
}

TEST_F(Sweep, OnlyEntriesAreTouched) {
  auto folder = OpenOwnFolder(base_.path());
  ASSERT_TRUE(folder.ok());
  const std::string unique = "-1-0123456789abcdef";
  // Sockets that refuse connections, as a name of shm:// does while libzmq is about to listen.
  const std::set<std::string> kept = {"zmq-orders",
                                      "zmq" + unique,
                                      ".new" + unique,
                                      "tcp-1-1-0123",
                                      "tcp-1-x-0123456789abcdef",
                                      "tcp-1-1-0123456789abcdeg"};
  for (const std::string& name : kept) {
    const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", Own().c_str(), name.c_str());
    ASSERT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  }
  std::ofstream(Own() + "/tcp-1" + unique) << "a file that is no socket";
  EXPECT_EQ(SweepOwnFolders(base_.path()), 0u);
  EXPECT_EQ(Names().size(), kept.size() + 1);
}

TEST_F(Sweep, FoldersOfOthersStay) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to act as another user";
  LeaveDeadEntries();
  chmod(base_.path().c_str(), 01777);
  const std::string theirs = base_.path() + "/4711";
  std::filesystem::rename(Own(), theirs);
  ASSERT_EQ(chown(theirs.c_str(), 4711, 4711), 0);
  EXPECT_EQ(SweepOwnFolders(base_.path()), 0u);
  const ServerProcess next(Tcp("127.0.0.1", 0), options_, "next");
  size_t left = 0;
  for (const auto& file : std::filesystem::directory_iterator(theirs)) left += file.exists();
  EXPECT_EQ(left, size_t{kPorts});
}

// Servers come and go while others sweep: an entry that is there can always be connected to.
TEST_F(Sweep, BesideServersThatAnnounce) {
  Child sweeper([&](Child::Talk& talk) {
    pollfd polled = {talk.fd(), POLLIN, 0};
    size_t removed = 0;
    while (poll(&polled, 1, 0) == 0) removed += SweepOwnFolders(base_.path());
    talk.Say(std::to_string(removed));
  });
  for (int i = 0; i < 500; ++i) {
    TestServer server(Tcp("127.0.0.1", 0), options_, "server");
    ASSERT_TRUE(server.ok());
    ASSERT_EQ(Names().size(), 1u) << i;
  }
  sweeper.talk().Say("end");
  EXPECT_EQ(sweeper.talk().Hear(), "0");
}

}  // namespace
}  // namespace samehost::rendezvous
