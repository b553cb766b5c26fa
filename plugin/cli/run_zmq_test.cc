// `samehost run` with ZeroMQ programs that know nothing of samehost, in C++ and with the
// distribution's python3-zmq, end to end. Needs samehost's libzmq.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "plugin/cli/installation.h"
#include "plugin/cli/testing/program.h"
#include "plugin/cli/testing/sockets.h"

namespace samehost::cli::testing {
namespace {

class RunZmqPairTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (FindInstallation().zmq_folder.empty()) GTEST_SKIP() << "no libzmq of samehost's is built";
  }
  Variables Environment() const { return CleanEnvironment(scratch_.path()); }
  bool IsTcp() const { return std::string(GetParam()) == "tcp"; }
  std::unique_ptr<Program> StartServer(bool under_run = true) {
    const Words words = {StockZmq(), "server",
                         IsTcp() ? "127.0.0.1:0" : "ipc://" + scratch_.path() + "/socket"};
    auto server = std::make_unique<Program>(under_run ? UnderRun(words) : words, Environment());
    const std::string line = server->Line();
    port_ = line.substr(line.rfind(' ') + 1);
    return server;
  }
  std::string Address() const {
    return IsTcp() ? "127.0.0.1:" + port_ : "ipc://" + scratch_.path() + "/socket";
  }
  Words Client(int calls, size_t bytes, bool under_run = true) const {
    const Words words = {StockZmq(), "client", Address(), std::to_string(calls),
                         std::to_string(bytes)};
    return under_run ? UnderRun(words) : words;
  }

  Scratch scratch_;
  std::string port_;
};

TEST_P(RunZmqPairTest, StockPairTalksThroughSharedMemory) {
  auto server = StartServer();
  Program client(Client(100, 70000), Environment());
  const std::string line = client.Line();
  EXPECT_EQ(line.substr(0, line.find(", peer")), "100 calls, 7000000 bytes back");
  const auto links = Entries(Status(), "links", Address());
  ASSERT_EQ(links.size(), 1u);
  const auto& link = links[0];
  EXPECT_EQ(link["protocol"], "zmq");
  EXPECT_EQ(link["client"]["pid"], client.pid());
  EXPECT_EQ(link["server"]["pid"], server->pid());
  EXPECT_EQ(link["client"]["name"], "stock_zmq");
  EXPECT_EQ(link["client"]["messages_sent"], 100);
  EXPECT_EQ(link["server"]["messages_sent"], 100);
  EXPECT_GE(link["client"]["bytes_sent"], 7000000);
  EXPECT_GE(link["server"]["bytes_sent"], 7000000);
  if (IsTcp()) {
    // The socket stays for the handshake. What it carries from here on is nothing at all.
    ASSERT_EQ(TcpConnections(port_), 1);
    const uint64_t handshake = TcpBytes(port_);
    EXPECT_GT(handshake, 0u);
    EXPECT_LT(handshake, 70000u);
    client.Tell("calls 1000 1000");
    EXPECT_EQ(client.Line(), "ok");
    EXPECT_EQ(TcpBytes(port_), handshake);
  }
  client.CloseInput();
  EXPECT_EQ(client.Wait(), 0);
  EXPECT_TRUE(Eventually([&] { return Entries(Status(), "links", Address()).empty(); }));
  server->CloseInput();
  EXPECT_EQ(server->Wait(), 0);
}

TEST_P(RunZmqPairTest, OutputIsAsWithout) {
  const auto session = [&](bool with) {
    auto server = StartServer(with);
    const Ended client = RunToEnd(Client(30, 1000, with), Environment());
    EXPECT_EQ(client.code, 0);
    server->CloseInput();
    EXPECT_EQ(server->Wait(), 0);
    return client.out + "|" + client.errors + "|" + server->Errors();
  };
  const std::string with = session(true);
  EXPECT_EQ(with.substr(0, with.find(", peer")), "30 calls, 30000 bytes back");
  // The numbers of processes and users are in the peer's address over ipc.
  if (IsTcp()) {
    EXPECT_EQ(with, session(false));
  }
}

// What the socket's counter says where samehost is not: all of it.
TEST_P(RunZmqPairTest, WithoutItTheSocketCarriesEverything) {
  for (const bool server_runs_so : {true, false}) {
    SCOPED_TRACE(server_runs_so);
    auto server = StartServer(server_runs_so);
    Program client(Client(100, 1000, !server_runs_so), Environment());
    EXPECT_EQ(client.Line().substr(0, 31), "100 calls, 100000 bytes back, p") << client.Errors();
    EXPECT_TRUE(Entries(Status(), "links", Address()).empty());
    if (IsTcp()) {
      EXPECT_GE(TcpBytes(port_), 200000u);
    }
    const auto fallbacks = Entries(Status(), "fallbacks", Address());
    ASSERT_EQ(fallbacks.size(), 1u);
    EXPECT_EQ(fallbacks[0]["pid"], server_runs_so ? server->pid() : client.pid());
    EXPECT_EQ(fallbacks[0]["side"], server_runs_so ? "server" : "client");
    EXPECT_EQ(fallbacks[0]["reason"], "server_not_found");
    EXPECT_EQ(fallbacks[0]["detail"], "the peer does not offer shared memory");
    const std::string scheme = IsTcp() ? "tcp://" : "";
    const Ended explained = RunToEnd({Samehost(), "explain", scheme + Address()}, Environment());
    EXPECT_EQ(explained.code, server_runs_so ? 0 : 1) << explained.out;
  }
}

// The child has a context of its own; the parent's link is not touched.
TEST_P(RunZmqPairTest, ForksWhileItIsConnected) {
  auto server = StartServer();
  Program client(Client(10, 100), Environment());
  EXPECT_EQ(client.Line().substr(0, 8), "10 calls");
  for (int i = 0; i < 3; ++i) {
    client.Tell("fork 10");
    EXPECT_EQ(client.Line(), "ok");
    client.Tell("call");
    EXPECT_EQ(client.Line(), "ok");
  }
  std::vector<nlohmann::json> links;
  EXPECT_TRUE(Eventually([&] {
    links = Entries(Status(), "links", Address());
    return links.size() == 1;
  }));
  EXPECT_EQ(links[0]["client"]["messages_sent"], 13);
}

INSTANTIATE_TEST_SUITE_P(Over, RunZmqPairTest, ::testing::Values("ipc", "tcp"),
                         [](const auto& info) { return std::string(info.param); });

class RunZmqNameTest : public RunZmqPairTest {};

// It is what our library has beside the stock one's transports; SAMEHOST_ZMQ says nothing of it.
TEST_P(RunZmqNameTest, IsExplained) {
  const std::string name = "shm://test-" + std::to_string(getpid());
  const Variables environment = [&] {
    Variables out = Environment();
    if (std::string(GetParam()) != "default") out["SAMEHOST_ZMQ"] = GetParam();
    return out;
  }();
  EXPECT_EQ(RunToEnd({Samehost(), "explain", name}, environment).code, 1);
  Program server(UnderRun({StockZmq(), "server", name}), environment);
  EXPECT_EQ(server.Line().substr(0, 10), "listening ") << server.Errors();
  const Ended explained = RunToEnd({Samehost(), "explain", name}, environment);
  EXPECT_EQ(explained.code, 0) << explained.out;
  EXPECT_NE(explained.out.find(std::to_string(server.pid()) + " stock_zmq, with samehost"),
            std::string::npos)
      << explained.out;
  Program client(UnderRun({StockZmq(), "client", name, "10", "1000"}), environment);
  EXPECT_EQ(client.Line().substr(0, 8), "10 calls") << client.Errors();
  EXPECT_EQ(Entries(Status(), "links", name).size(), 1u);
  EXPECT_EQ(RunToEnd({Samehost(), "explain", name + "x"}, environment).code, 1);
}

INSTANTIATE_TEST_SUITE_P(SamehostZmq, RunZmqNameTest, ::testing::Values("default", "off"),
                         [](const auto& info) { return std::string(info.param); });

class RunZmqTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (FindInstallation().zmq_folder.empty()) GTEST_SKIP() << "no libzmq of samehost's is built";
    if (RunToEnd({kPython, "-c", "import zmq"}).code != 0) GTEST_SKIP() << "no python3-zmq";
  }
  static constexpr char kPython[] = "/usr/bin/python3";  // the distribution's

  Variables Environment() const { return CleanEnvironment(scratch_.path()); }
  Words Peer(const std::string& mode, const std::string& address, bool under_run = true) const {
    Words words = {kPython, TestData("zmq_peer.py"), mode, address};
    if (under_run) words.insert(words.begin(), {Samehost(), "run", "--"});
    return words;
  }
  std::string Address() const {
    const bool tcp = std::string(GetParam()) == "tcp";
    return tcp ? "tcp://127.0.0.1:*" : "ipc://" + scratch_.path() + "/socket";
  }
  std::unique_ptr<Program> Bind(const std::string& mode, bool under_run = true) {
    auto program = std::make_unique<Program>(Peer(mode, Address(), under_run), Environment());
    const std::string line = program->Line();
    bound_ = line.substr(line.rfind(' ') + 1);
    return program;
  }
  std::vector<nlohmann::json> Links() const { return Entries(Status(), "links", bound_); }

  Scratch scratch_;
  std::string bound_;
};

TEST_P(RunZmqTest, RequestReply) {
  auto server = Bind("rep");
  Program client(Peer("req", bound_), Environment());
  EXPECT_EQ(client.Line(), "10 messages") << client.Errors();
  const auto links = Links();
  ASSERT_EQ(links.size(), 1u);
  EXPECT_EQ(links[0]["protocol"], "zmq");
  EXPECT_EQ(links[0]["client"]["pid"], client.pid());
  EXPECT_EQ(links[0]["server"]["pid"], server->pid());
  EXPECT_EQ(links[0]["client"]["messages_sent"], 10);
  EXPECT_EQ(links[0]["server"]["messages_sent"], 10);
  EXPECT_EQ(RunToEnd({Samehost(), "explain", bound_}, Environment()).code, 0);
}

TEST_P(RunZmqTest, PublishSubscribe) {
  auto server = Bind("pub");
  Program client(Peer("sub", bound_), Environment());
  ASSERT_TRUE(Eventually([&] {
    server->Tell("word");
    return !Links().empty();
  }));
  for (int i = 0; i < 10; ++i) server->Tell("word");
  EXPECT_EQ(client.Line(), "10 messages") << client.Errors();
  EXPECT_EQ(Links().size(), 1u);
}

TEST_P(RunZmqTest, Asyncio) {
  auto server = Bind("arep");
  Program client(Peer("areq", bound_), Environment());
  EXPECT_EQ(client.Line(), "10 messages") << client.Errors();
  const auto links = Links();
  ASSERT_EQ(links.size(), 1u);
  EXPECT_EQ(links[0]["client"]["messages_sent"], 10);
}

TEST_P(RunZmqTest, OnlyOneSideRunsSo) {
  for (const bool server_runs_so : {true, false}) {
    SCOPED_TRACE(server_runs_so);
    auto server = Bind("rep", server_runs_so);
    Program client(Peer("req", bound_, !server_runs_so), Environment());
    EXPECT_EQ(client.Line(), "10 messages") << client.Errors();
    EXPECT_TRUE(Links().empty());
    const int code = RunToEnd({Samehost(), "explain", bound_}, Environment()).code;
    EXPECT_EQ(code, server_runs_so ? 0 : 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Over, RunZmqTest, ::testing::Values("ipc", "tcp"),
                         [](const auto& info) { return std::string(info.param); });

// What is said without being asked: a peer of this host that could use shared memory and does not
// is worth a line; one of another host is what one expects.
class RunZmqWarningTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (FindInstallation().zmq_folder.empty()) GTEST_SKIP() << "no libzmq of samehost's is built";
  }
  Variables Environment() const { return CleanEnvironment(scratch_.path()); }
  static std::string PortOf(Program* server) {
    const std::string line = server->Line();
    EXPECT_EQ(line.rfind("listening ", 0), 0u) << line << server->Errors();
    return line.substr(line.rfind(' ') + 1);
  }
  Ended Call(const std::string& address) const {
    return RunToEnd(UnderRun({StockZmq(), "client", address, "3", "10"}), Environment());
  }
  static std::string NetworkOf(const std::string& pid) {
    std::error_code gone;
    return std::filesystem::read_symlink("/proc/" + pid + "/ns/net", gone).string();
  }

  Scratch scratch_;
};

TEST_F(RunZmqWarningTest, AStockPeerOfThisHostIsWarnedOfOnce) {
  Program server({StockZmq(), "server", "127.0.0.1:0"}, Environment());
  const Ended client = Call("127.0.0.1:" + PortOf(&server));
  EXPECT_EQ(client.code, 0) << client.errors;
  EXPECT_NE(client.errors.find("socket, because server_not_found"), std::string::npos)
      << client.errors;
  EXPECT_EQ(client.errors.find('\n'), client.errors.size() - 1) << client.errors;
}

TEST_F(RunZmqWarningTest, AStockPeerOfAnotherHostIsNot) {
  // Another network namespace, which cannot be told from another host.
  Program server({"unshare", "--net", "sh", "-c",
                  "read -r go && ip address add 10.219.1.2/30 dev eth9 && ip link set eth9 up && "
                  "exec \"$0\" server 10.219.1.2:0",
                  StockZmq()},
                 Environment());
  const std::string pid = std::to_string(server.pid());
  const auto is_away = [&] { return NetworkOf(pid) != NetworkOf("self"); };
  const bool made =
      IsInstalled("unshare") && IsInstalled("ip") && geteuid() == 0 &&
      RunToEnd({"unshare", "--net", "true"}).code == 0 && Eventually(is_away) &&
      RunToEnd({"sh", "-c",
                "ip link add \"shst$0\" type veth peer name eth9 netns $0 && "
                "ip address add 10.219.1.1/30 dev \"shst$0\" && ip link set \"shst$0\" up",
                pid})
              .code == 0;
  if (!made) GTEST_SKIP() << "may not make network namespaces";
  server.Tell("go");
  const Ended client = Call("10.219.1.2:" + PortOf(&server));
  EXPECT_EQ(client.code, 0) << client.errors;
  EXPECT_EQ(client.out.substr(0, 7), "3 calls");
  EXPECT_EQ(client.errors, "");
}

}  // namespace
}  // namespace samehost::cli::testing
