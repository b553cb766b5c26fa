// Programs that do to themselves what programs do: whatever it is, under `samehost run` they work
// as without.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <sstream>

#include "plugin/cli/installation.h"
#include "plugin/cli/testing/program.h"
#include "plugin/cli/testing/sockets.h"

namespace samehost::cli::testing {
namespace {

constexpr char kSomeUser[] = "12345";
constexpr char kAnotherUser[] = "12346";

// A stock server and its clients, under `samehost run`.
class OddProgramsFixture : public ::testing::Test {
 protected:
  virtual std::string Stock() const = 0;
  Variables Environment() const { return CleanEnvironment(scratch_.path()); }
  std::unique_ptr<Program> StartServer(const Words& odd = {}) {
    Words words = {Stock()};
    words.insert(words.end(), odd.begin(), odd.end());
    words.insert(words.end(), {"server", "127.0.0.1:0"});
    auto server = std::make_unique<Program>(UnderRun(words), Environment());
    const std::string line = server->Line();
    port_ = line.substr(line.rfind(' ') + 1);
    EXPECT_EQ(line, "listening " + port_);
    return server;
  }
  std::unique_ptr<Program> StartClient(const Words& odd = {}) {
    Words words = {Stock()};
    words.insert(words.end(), odd.begin(), odd.end());
    words.insert(words.end(), {"client", Address(), "10", "1000"});
    auto client = std::make_unique<Program>(UnderRun(words), Environment());
    EXPECT_EQ(client->Line().substr(0, 8), "10 calls") << client->Errors();
    return client;
  }
  std::string Address() const { return "127.0.0.1:" + port_; }
  static bool IsSaidToBeLeftAlone(const Program& program) {
    const nlohmann::json status = Status();
    return std::any_of(status["unsupported"].begin(), status["unsupported"].end(),
                       [&](const auto& one) { return one["pid"] == program.pid(); });
  }
  size_t Links() const { return Entries(Status(), "links", Address()).size(); }

  Scratch scratch_;
  std::string port_;
};

class RunOddProgramsTest : public OddProgramsFixture,
                           public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    if (!IsGrpc() && FindInstallation().zmq_folder.empty()) {
      GTEST_SKIP() << "no libzmq of samehost's is built";
    }
  }
  bool IsGrpc() const { return std::string(GetParam()) == "grpc"; }
  std::string Stock() const override { return IsGrpc() ? StockEcho() : StockZmq(); }
};

TEST_P(RunOddProgramsTest, ThatCloseAllDescriptorsAtTheStart) {
  auto server = StartServer({"--close-all"});
  auto client = StartClient({"--close-all"});
  EXPECT_EQ(Links(), 1u);
}

TEST_P(RunOddProgramsTest, ThatBecomeDaemons) {
  auto server = StartServer({"--daemon"});
  EXPECT_EQ(server->Wait(), 0);  // the daemon goes on
  auto client = StartClient();
  const auto links = Entries(Status(), "links", Address());
  ASSERT_EQ(links.size(), 1u);
  const pid_t daemon = links[0]["server"]["pid"];
  EXPECT_NE(daemon, server->pid());
  server->CloseInput();
  EXPECT_TRUE(Eventually([&] { return kill(daemon, 0) != 0; }));
}

// Its numbers that were ours are other files' now; the child's end must not touch them.
TEST_P(RunOddProgramsTest, WhoseChildrenReuseTheNumbersOfOurDescriptors) {
  auto server = StartServer();
  auto client = StartClient();
  ASSERT_EQ(Links(), 1u);
  constexpr int kMoreThanAllOfOurs = 700;
  for (Program* program : {server.get(), client.get()}) {
    Scratch files;
    program->Tell("files " + files.path() + " " + std::to_string(kMoreThanAllOfOurs));
    EXPECT_EQ(program->Line(), "ok");
  }
  client->Tell("call");
  EXPECT_EQ(client->Line(), "ok");
  EXPECT_EQ(Links(), 1u);
}

TEST_P(RunOddProgramsTest, OurDescriptorsLeaveTheLowNumbersAlone) {
  auto server = StartServer();
  auto client = StartClient();
  ASSERT_EQ(Links(), 1u);
  for (Program* program : {server.get(), client.get()}) {
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(program->pid()) + "/fd")) {
      const std::string target = std::filesystem::read_symlink(entry).string();
      const std::string number = entry.path().filename().string();
      // What this test was started with, it has handed on.
      std::error_code none;
      if (std::filesystem::read_symlink("/proc/self/fd/" + number, none).string() == target)
        continue;
      if (target.find("samehost") == std::string::npos) continue;
      EXPECT_GE(std::stoi(number), 512) << target;
    }
  }
}

TEST_P(RunOddProgramsTest, ThatChangeTheirUser) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  chmod(scratch_.path().c_str(), 01777);
  auto server = StartServer({"--user", kSomeUser});
  auto client = StartClient({"--user", kSomeUser});
  const auto links = Entries(Status(), "links", Address());
  ASSERT_EQ(links.size(), 1u);
  EXPECT_EQ(links[0]["client"]["uid"], 12345);
}

// Two users, each of whom lets the other in, or does not.
TEST_P(RunOddProgramsTest, ThatRunAsUsersWhoAcceptEachOther) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  chmod(scratch_.path().c_str(), 01777);
  const auto links = [&](const Words& server_options, const Words& client_options) {
    Program server(
        UnderRun({Stock(), "--user", kSomeUser, "server", "127.0.0.1:0"}, server_options),
        Environment());
    const std::string line = server.Line();
    port_ = line.substr(line.rfind(' ') + 1);
    Program client(UnderRun({Stock(), "--user", kAnotherUser, "client", Address(), "10", "1000"},
                            client_options),
                   Environment());
    EXPECT_EQ(client.Line().substr(0, 8), "10 calls") << client.Errors();
    const auto found = Entries(Status(), "links", Address());
    for (const auto& link : found) {
      EXPECT_EQ(link["client"]["uid"], 12346);
      EXPECT_EQ(link["server"]["uid"], 12345);
      EXPECT_EQ(link["client"]["messages_sent"], 10);
    }
    return found.size();
  };
  const std::string server_accepts = std::string("7,") + kAnotherUser;
  EXPECT_EQ(links({}, {}), 0u);
  EXPECT_EQ(links({"--allow-users", server_accepts}, {}), 0u);
  EXPECT_EQ(links({}, {"--allow-users", kSomeUser}), 0u);
  EXPECT_EQ(links({"--allow-users", server_accepts}, {"--allow-users", kSomeUser}), 1u);
  // A user's groups bear the user's number here.
  EXPECT_EQ(links({"--allow-groups", server_accepts}, {"--allow-users", kSomeUser}), 1u);
  EXPECT_EQ(links({"--allow-users", server_accepts}, {"--allow-groups", kSomeUser}), 1u);
}

// Others see nothing of a user's connections, root sees them.
TEST_P(RunOddProgramsTest, OtherUsersConnectionsAreTheirs) {
  if (geteuid() != 0 || !IsInstalled("setpriv")) GTEST_SKIP() << "needs root and setpriv";
  chmod(scratch_.path().c_str(), 01777);
  const auto as = [](const std::string& user, const Words& words) {
    Words out = {"setpriv", "--reuid", user, "--regid", user, "--clear-groups"};
    out.insert(out.end(), words.begin(), words.end());
    return out;
  };
  Program server(as(kSomeUser, UnderRun({Stock(), "server", "127.0.0.1:0"})), Environment());
  const std::string line = server.Line();
  port_ = line.substr(line.rfind(' ') + 1);
  Program client(as(kSomeUser, UnderRun({Stock(), "client", Address(), "4", "10"})), Environment());
  EXPECT_EQ(client.Line().substr(0, 7), "4 calls") << client.Errors();
  EXPECT_EQ(Links(), 1u);
  const auto seen_by = [&](const std::string& user) {
    const Ended ended = RunToEnd(as(user, {Samehost(), "status", "--json"}), Environment());
    EXPECT_EQ(ended.code, 0) << ended.errors;
    return nlohmann::json::parse(ended.out, nullptr, false);
  };
  EXPECT_EQ(Entries(seen_by(kSomeUser), "links", Address()).size(), 1u);
  const nlohmann::json other = seen_by("12346");
  EXPECT_EQ(Entries(other, "links", Address()).size(), 0u);
  EXPECT_GE(other["hidden_processes"], 2);
}

TEST_P(RunOddProgramsTest, ThatChangeToAUserWhoCannotReachTheDirectory) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  chmod(scratch_.path().c_str(), 0700);
  auto server = StartServer({"--user", kSomeUser});
  auto client = StartClient({"--user", kSomeUser});
  EXPECT_EQ(Links(), 0u);
  EXPECT_EQ(TcpConnections(port_), 1);
  EXPECT_EQ(Entries(Status(), "fallbacks", Address()).size(), 2u);  // both sides say why
}

TEST_P(RunOddProgramsTest, ThatChangeTheirRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  Scratch root;
  auto server = StartServer({"--root", root.path()});
  auto client = StartClient();
  EXPECT_EQ(Links(), 0u);
  EXPECT_EQ(TcpConnections(port_), 1);
  // gRPC's library is loaded later than that, and not to be found; ZeroMQ's is there already.
  EXPECT_EQ(IsSaidToBeLeftAlone(*server), IsGrpc());
  EXPECT_EQ(Entries(Status(), "fallbacks", Address()).size(), IsGrpc() ? 1u : 2u);
}

TEST_P(RunOddProgramsTest, ThatExecAnother) {
  auto server = StartServer();
  Program client(UnderRun({"sh", "-c", "exec \"$0\" client " + Address() + " 3 10", Stock()}),
                 Environment());
  EXPECT_EQ(client.Line().substr(0, 7), "3 calls");
  EXPECT_EQ(Links(), 1u);
}

TEST_P(RunOddProgramsTest, ThatForkWorkersWhichConnect) {
  auto server = StartServer();
  Program clients(UnderRun({Stock(), "--workers", "3", "client", Address(), "4", "10"}),
                  Environment());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(clients.Line().substr(0, 7), "4 calls") << clients.Errors();
  }
  const auto links = Entries(Status(), "links", Address());
  ASSERT_EQ(links.size(), 3u);
  for (const auto& link : links) EXPECT_NE(link["client"]["pid"], clients.pid());
  clients.CloseInput();
  EXPECT_EQ(clients.Wait(), 0) << clients.Errors();
}

// Without their descriptors neither gRPC nor libzmq can go on, with samehost or without: a thread
// of theirs finds out and ends the process (SIGABRT), how soon depends on what it does at the
// moment. With samehost gRPC often gets away with calls that fail. Nobody else is harmed.
TEST_P(RunOddProgramsTest, ThatCloseOurDescriptorsAreNotWorseOff) {
  const auto fate = [&](bool with) {
    const Words words = {Stock(), "client", Address(), "10", "1000"};
    Program client(with ? UnderRun(words) : words, Environment());
    EXPECT_EQ(client.Line().substr(0, 8), "10 calls") << client.Errors();
    client.Tell("close_all\ncall");  // in one: the process may not live to be told the second
    client.CloseInput();
    return client.Wait();
  };
  auto server = StartServer();
  const int without = fate(false);
  EXPECT_NE(without, 0);
  const int with = fate(true);
  EXPECT_TRUE(with == without || with == 0) << with << ", without samehost " << without;
  EXPECT_TRUE(Eventually([&] { return Links() == 0; }));
  auto next = StartClient();  // the server serves others
  EXPECT_EQ(Links(), 1u);
}

INSTANTIATE_TEST_SUITE_P(With, RunOddProgramsTest, ::testing::Values("grpc", "zmq"),
                         [](const auto& info) { return std::string(info.param); });

// Workers of a server that were forked first and share its port (which ZeroMQ's cannot).
class RunPreforkTest : public OddProgramsFixture {
  std::string Stock() const override { return StockEcho(); }
};

TEST_F(RunPreforkTest, ThatForkWorkersWhichListen) {
  constexpr int kWorkers = 3;
  port_ = FreePort();
  Program workers(
      UnderRun({StockEcho(), "--workers", std::to_string(kWorkers), "server", Address()}),
      Environment());
  for (int i = 0; i < kWorkers; ++i) EXPECT_EQ(workers.Line(), "listening " + port_);
  for (int i = 0; i < 8; ++i) {
    auto client = StartClient();
    EXPECT_EQ(Links(), 1u) << i;
    client->CloseInput();
    EXPECT_EQ(client->Wait(), 0);
    EXPECT_TRUE(Eventually([&] { return Links() == 0; }));
  }
  workers.CloseInput();
  EXPECT_EQ(workers.Wait(), 0) << workers.Errors();
}

}  // namespace
}  // namespace samehost::cli::testing
