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

#include "plugin/cli/testing/program.h"
#include "plugin/cli/testing/sockets.h"

namespace samehost::cli::testing {
namespace {

constexpr char kSomeUser[] = "12345";

class RunOddProgramsTest : public ::testing::Test {
 protected:
  Variables Environment() const { return CleanEnvironment(scratch_.path()); }
  std::unique_ptr<Program> StartServer(const Words& odd = {}) {
    Words words = {StockEcho()};
    words.insert(words.end(), odd.begin(), odd.end());
    words.insert(words.end(), {"server", "127.0.0.1:0"});
    auto server = std::make_unique<Program>(UnderRun(words), Environment());
    const std::string line = server->Line();
    port_ = line.substr(line.rfind(' ') + 1);
    EXPECT_EQ(line, "listening " + port_);
    return server;
  }
  std::unique_ptr<Program> StartClient(const Words& odd = {}) {
    Words words = {StockEcho()};
    words.insert(words.end(), odd.begin(), odd.end());
    words.insert(words.end(), {"client", Address(), "10", "1000"});
    auto client = std::make_unique<Program>(UnderRun(words), Environment());
    EXPECT_EQ(client->Line().substr(0, 8), "10 calls") << client->Errors();
    return client;
  }
  std::string Address() const { return "127.0.0.1:" + port_; }
  static bool IsSaidToBeLeftAlone(const Program& program) {
    const nlohmann::json status = Status();
    return std::any_of(status["left_alone"].begin(), status["left_alone"].end(),
                       [&](const auto& one) { return one["pid"] == program.pid(); });
  }
  size_t Links() const { return Entries(Status(), "links", Address()).size(); }

  Scratch scratch_;
  std::string port_;
};

TEST_F(RunOddProgramsTest, ThatCloseAllDescriptorsAtTheStart) {
  auto server = StartServer({"--close-all"});
  auto client = StartClient({"--close-all"});
  EXPECT_EQ(Links(), 1u);
}

TEST_F(RunOddProgramsTest, ThatBecomeDaemons) {
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
TEST_F(RunOddProgramsTest, WhoseChildrenReuseTheNumbersOfOurDescriptors) {
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

// Without its descriptors gRPC cannot go on, with samehost or without: the call fails, the program
// goes on.
TEST_F(RunOddProgramsTest, ThatCloseOurDescriptorsAreNotWorseOff) {
  auto server = StartServer();
  auto client = StartClient();
  ASSERT_EQ(Links(), 1u);
  client->Tell("close_all");
  EXPECT_EQ(client->Line(), "closed");
  EXPECT_TRUE(Eventually([&] { return Links() == 0; }));
  client->Tell("call");
  EXPECT_EQ(client->Line(), "failed");
  auto next = StartClient();  // the server serves others
  EXPECT_EQ(Links(), 1u);
}

TEST_F(RunOddProgramsTest, OurDescriptorsLeaveTheLowNumbersAlone) {
  auto server = StartServer();
  auto client = StartClient();
  ASSERT_EQ(Links(), 1u);
  for (Program* program : {server.get(), client.get()}) {
    for (const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(program->pid()) + "/fd")) {
      const std::string target = std::filesystem::read_symlink(entry).string();
      if (target.find("samehost") == std::string::npos) continue;
      EXPECT_GE(std::stoi(entry.path().filename()), 512) << target;
    }
  }
}

TEST_F(RunOddProgramsTest, ThatChangeTheirUser) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  chmod(scratch_.path().c_str(), 01777);
  auto server = StartServer({"--user", kSomeUser});
  auto client = StartClient({"--user", kSomeUser});
  const auto links = Entries(Status(), "links", Address());
  ASSERT_EQ(links.size(), 1u);
  EXPECT_EQ(links[0]["client"]["uid"], 12345);
}

TEST_F(RunOddProgramsTest, ThatChangeToAUserWhoCannotReachTheDirectory) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  chmod(scratch_.path().c_str(), 0700);
  auto server = StartServer({"--user", kSomeUser});
  auto client = StartClient({"--user", kSomeUser});
  EXPECT_EQ(Links(), 0u);
  EXPECT_EQ(TcpConnections(port_), 1);
  EXPECT_EQ(Entries(Status(), "fallbacks", Address()).size(), 2u);
}

TEST_F(RunOddProgramsTest, ThatChangeTheirRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  Scratch root;
  auto server = StartServer({"--root", root.path()});
  auto client = StartClient();
  EXPECT_EQ(Links(), 0u);
  EXPECT_EQ(TcpConnections(port_), 1);
  EXPECT_TRUE(IsSaidToBeLeftAlone(*server));
}

// Others see nothing of a user's connections, root sees them.
TEST_F(RunOddProgramsTest, OtherUsersConnectionsAreTheirs) {
  if (geteuid() != 0 || !IsInstalled("setpriv")) GTEST_SKIP() << "needs root and setpriv";
  chmod(scratch_.path().c_str(), 01777);
  const auto as = [](const std::string& user, const Words& words) {
    Words out = {"setpriv", "--reuid", user, "--regid", user, "--clear-groups"};
    out.insert(out.end(), words.begin(), words.end());
    return out;
  };
  Program server(as(kSomeUser, UnderRun({StockEcho(), "server", "127.0.0.1:0"})), Environment());
  const std::string line = server.Line();
  port_ = line.substr(line.rfind(' ') + 1);
  Program client(as(kSomeUser, UnderRun({StockEcho(), "client", Address(), "4", "10"})),
                 Environment());
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

TEST_F(RunOddProgramsTest, ThatExecAnother) {
  auto server = StartServer();
  Program client(UnderRun({"sh", "-c", "exec \"$0\" client " + Address() + " 3 10", StockEcho()}),
                 Environment());
  EXPECT_EQ(client.Line().substr(0, 7), "3 calls");
  EXPECT_EQ(Links(), 1u);
}

// Workers that were forked first and share the port.
TEST_F(RunOddProgramsTest, ThatForkWorkers) {
  auto first = StartServer();
  Program second(UnderRun({StockEcho(), "server", Address()}), Environment());
  EXPECT_EQ(second.Line(), "listening " + port_);
  for (int i = 0; i < 8; ++i) {
    auto client = StartClient();
    EXPECT_EQ(Links(), 1u) << i;
    client->CloseInput();
    EXPECT_EQ(client->Wait(), 0);
    EXPECT_TRUE(Eventually([&] { return Links() == 0; }));
  }
}

TEST_F(RunOddProgramsTest, SetuidProgramsAreLeftAloneWithAMessage) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  Scratch folder;
  chmod(folder.path().c_str(), 0755);
  const std::string program = folder.path() + "/echo";
  std::filesystem::copy_file(StockEcho(), program);
  ASSERT_EQ(chown(program.c_str(), 12345, 12345), 0);
  ASSERT_EQ(chmod(program.c_str(), 04755), 0);
  Program server(UnderRun({program, "server", "127.0.0.1:0"}), Environment());
  const std::string line = server.Line();
  EXPECT_EQ(line.substr(0, 10), "listening ");
  port_ = line.substr(10);
  EXPECT_NE(server.Errors().find("setuid"), std::string::npos) << server.Errors();
  auto client = StartClient();
  EXPECT_EQ(Links(), 0u);
}

TEST_F(RunOddProgramsTest, ExitStatusAndSignalsPassThrough) {
  const auto code = [&](const Words& words) {
    return RunToEnd(UnderRun(words), Environment()).code;
  };
  EXPECT_EQ(code({"sh", "-c", "exit 37"}), 37);
  EXPECT_EQ(code({"sh", "-c", "kill -TERM $$"}), 128 + SIGTERM);
  EXPECT_EQ(code({"sh", "-c", "kill -KILL $$"}), 128 + SIGKILL);
  EXPECT_EQ(code({"no-such-program-anywhere"}), 127);
  EXPECT_EQ(code({"/etc/passwd"}), 126);
  Program program(UnderRun({"cat"}), Environment());
  program.Tell("as itself");
  EXPECT_EQ(program.Line(), "as itself");
  kill(program.pid(), SIGINT);
  EXPECT_EQ(program.Wait(), 128 + SIGINT);
}

TEST_F(RunOddProgramsTest, EnvironmentAndDescriptorsAreLeftAlone) {
  const Ended plain = RunToEnd({"env"}, Environment());
  const Ended under = RunToEnd(UnderRun({"env"}), Environment());
  std::istringstream lines(under.out);
  std::string rest;
  int added = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("LD_PRELOAD=", 0) == 0 || line.rfind("LD_LIBRARY_PATH=", 0) == 0 ||
        line.rfind("SAMEHOST_ZMQ=", 0) == 0) {
      ++added;
    } else {
      rest += line + "\n";
    }
  }
  EXPECT_EQ(rest, plain.out);
  EXPECT_GE(added, 1);
  const Words list = {"sh", "-c", "ls /proc/$$/fd; ulimit -n; umask; pwd"};
  EXPECT_EQ(RunToEnd(UnderRun(list), Environment()).out, RunToEnd(list, Environment()).out);
}

TEST_F(RunOddProgramsTest, ArgumentsArriveWordForWord) {
  const Words words = {"printf", "<%s>\\n", "--", "-v", "--verbose", "a b", "", "--", "*"};
  EXPECT_EQ(RunToEnd(UnderRun(words)).out, RunToEnd(words).out);
  const Words without_dashes = {Samehost(), "run", "printf", "<%s>", "--", "-v"};
  EXPECT_EQ(RunToEnd(without_dashes).out, "<--><-v>");
}

TEST_F(RunOddProgramsTest, AnotherGrpcIsLeftAlone) {
  for (const char* name : {"fake_grpc_of_other_name", "fake_grpc_of_other_version"}) {
    SCOPED_TRACE(name);
    const std::string user = StockEcho() + "/../" + name;
    Variables environment = Environment();
    environment["SAMEHOST_LOG"] = "info";
    Program program(UnderRun({std::filesystem::path(user).lexically_normal()}), environment);
    EXPECT_EQ(program.Line(), "init");
    EXPECT_EQ(program.Line().substr(0, 15), "channel target ");
    EXPECT_EQ(program.Line().substr(0, 19), "port (nil) address ");
    EXPECT_EQ(program.Line(), "answer 17");
    EXPECT_EQ(program.Line(), "done");
    EXPECT_NE(program.Errors().find("gRPC is left alone"), std::string::npos) << program.Errors();
    EXPECT_TRUE(IsSaidToBeLeftAlone(program));
    program.CloseInput();
    EXPECT_EQ(program.Wait(), 0);
  }
}

}  // namespace
}  // namespace samehost::cli::testing
