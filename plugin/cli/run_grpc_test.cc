// `samehost run` with a gRPC pair that knows nothing of samehost, end to end.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>

#include "plugin/cli/testing/program.h"
#include "plugin/cli/testing/sockets.h"

namespace samehost::cli::testing {
namespace {

class RunGrpcTest : public ::testing::Test {
 protected:
  Variables Environment() const { return CleanEnvironment(scratch_.path()); }
  // Starts a server and waits for its port.
  std::unique_ptr<Program> StartServer(const Words& words) {
    auto server = std::make_unique<Program>(words, Environment());
    const std::string line = server->Line();
    port_ = line.substr(line.rfind(' ') + 1);
    EXPECT_EQ(line, "listening " + port_);
    return server;
  }
  std::unique_ptr<Program> StartServer() {
    return StartServer(UnderRun({StockEcho(), "server", "127.0.0.1:0"}));
  }
  Words Client(int calls, size_t bytes) const {
    return {StockEcho(), "client", Address(), std::to_string(calls), std::to_string(bytes)};
  }
  std::string Address() const { return "127.0.0.1:" + port_; }

  Scratch scratch_;
  std::string port_;
};

TEST_F(RunGrpcTest, StockPairTalksThroughSharedMemory) {
  auto server = StartServer();
  Program client(UnderRun(Client(100, 70000)), Environment());
  const std::string line = client.Line();
  EXPECT_EQ(line.substr(0, line.find(", peer")), "100 calls, 7000000 bytes back");
  const auto links = Entries(Status(), "links", Address());
  ASSERT_EQ(links.size(), 1u);
  const auto& link = links[0];
  EXPECT_EQ(link["protocol"], "grpc");
  EXPECT_EQ(link["client"]["pid"], client.pid());
  EXPECT_EQ(link["server"]["pid"], server->pid());
  EXPECT_EQ(link["client"]["name"], "stock_echo");
  EXPECT_EQ(link["client"]["messages_sent"], 100);
  EXPECT_EQ(link["server"]["messages_sent"], 100);
  EXPECT_GE(link["client"]["bytes_sent"], 7000000);
  EXPECT_GE(link["server"]["bytes_sent"], 7000000);
  EXPECT_GT(link["memory_bytes"], 0);
  // Nothing went over TCP: there is no connection at all.
  EXPECT_EQ(TcpConnections(port_), 0);
  EXPECT_TRUE(Entries(Status(), "fallbacks", Address()).empty());

  client.CloseInput();
  EXPECT_EQ(client.Wait(), 0);
  EXPECT_TRUE(Eventually([&] { return Entries(Status(), "links", Address()).empty(); }));
  server->CloseInput();
  EXPECT_EQ(server->Wait(), 0);
}

TEST_F(RunGrpcTest, OutputIsAsWithout) {
  const auto session = [&](bool with) {
    const Words server_words = {StockEcho(), "server", "127.0.0.1:0"};
    auto server = StartServer(with ? UnderRun(server_words) : server_words);
    const Words client_words = Client(30, 1000);
    const Ended client = RunToEnd(with ? UnderRun(client_words) : client_words, Environment());
    EXPECT_EQ(client.code, 0);
    server->CloseInput();
    EXPECT_EQ(server->Wait(), 0);
    // Its own port and its own peer are in it.
    return client.out.substr(0, client.out.find(", peer")) + "|" + client.errors + "|" +
           server->Errors();
  };
  EXPECT_EQ(session(true), session(false));
}

TEST_F(RunGrpcTest, OnlyTheClientRunsSo) {
  auto server = StartServer({StockEcho(), "server", "127.0.0.1:0"});
  Program client(UnderRun(Client(10, 1000)), Environment());
  EXPECT_EQ(client.Line().substr(0, 8), "10 calls");
  EXPECT_TRUE(Entries(Status(), "links", Address()).empty());
  const auto fallbacks = Entries(Status(), "fallbacks", Address());
  ASSERT_EQ(fallbacks.size(), 1u);
  EXPECT_EQ(fallbacks[0]["pid"], client.pid());
  EXPECT_EQ(fallbacks[0]["side"], "client");
  EXPECT_EQ(fallbacks[0]["reason"], "server_not_found");
  EXPECT_EQ(fallbacks[0]["open_sockets"], 1);
  EXPECT_EQ(TcpConnections(port_), 1);
  const Ended explained = RunToEnd({Samehost(), "explain", Address()}, Environment());
  EXPECT_EQ(explained.code, 1);
  EXPECT_NE(explained.out.find("stock_echo, without samehost"), std::string::npos) << explained.out;
  EXPECT_NE(explained.out.find("server_not_found"), std::string::npos) << explained.out;
}

// A name with two addresses: at the first one nobody listens, so nothing of it is on a socket.
TEST_F(RunGrpcTest, AddressesThatNobodyListensOnAreNotShownAsFallbacks) {
  if (!std::filesystem::exists("/proc/net/if_inet6")) GTEST_SKIP() << "no IPv6";
  auto server = StartServer();
  Program client(UnderRun({StockEcho(), "client", "localhost:" + port_, "3", "10"}), Environment());
  EXPECT_EQ(client.Line().substr(0, 7), "3 calls");
  const nlohmann::json status = Status();
  EXPECT_EQ(Entries(status, "links", Address()).size(), 1u);
  for (const auto& fallback : Entries(status, "fallbacks", ":" + port_)) {
    EXPECT_EQ(fallback["open_sockets"], 0);
  }
  const Ended text = RunToEnd({Samehost(), "status"}, Environment());
  EXPECT_EQ(text.out.find("[::1]:" + port_), std::string::npos) << text.out;
  // Nor said by the client, whose only connection is through shared memory.
  client.CloseInput();
  EXPECT_EQ(client.Wait(), 0);
  EXPECT_EQ(client.Errors(), "");
}

// The connection that is really made decides what there is to warn of.
TEST_F(RunGrpcTest, ASocketIsWarnedOfOnceAndOnlyWhereOneConnects) {
  auto server = StartServer({StockEcho(), "server", "127.0.0.1:0"});
  const Ended client =
      RunToEnd(UnderRun({StockEcho(), "client", "localhost:" + port_, "3", "10"}), Environment());
  EXPECT_EQ(client.code, 0);
  EXPECT_EQ(client.errors.rfind("samehost: " + Address() + ": socket, because server_not_found", 0),
            0u)
      << client.errors;
  EXPECT_EQ(client.errors.find('\n'), client.errors.size() - 1) << client.errors;
}

TEST_F(RunGrpcTest, NobodyThereIsNothingToWarnOf) {
  const std::string address = "127.0.0.1:" + FreePort();
  Program client(UnderRun({StockEcho(), "client", address, "1", "10"}), Environment());
  Variables verbose = Environment();
  verbose["SAMEHOST_LOG"] = "info";
  Program told(UnderRun({StockEcho(), "client", address, "1", "10"}), verbose);
  EXPECT_TRUE(Eventually([&] {
    return told.Errors().find(address + ": no connection, neither over a socket") !=
           std::string::npos;
  })) << told.Errors();
  // It has tried, said what it had to say, and tried again.
  EXPECT_TRUE(Eventually([&] {
    const auto fallbacks = Entries(Status(), "fallbacks", address);
    return std::any_of(fallbacks.begin(), fallbacks.end(), [&](const auto& fallback) {
      return fallback["pid"] == client.pid() && fallback["times"] >= 2;
    });
  }));
  EXPECT_EQ(client.Errors(), "");
}

TEST_F(RunGrpcTest, OnlyTheServerRunsSo) {
  auto server = StartServer();
  Program client(Client(10, 1000), Environment());
  EXPECT_EQ(client.Line().substr(0, 8), "10 calls");
  EXPECT_TRUE(Entries(Status(), "links", Address()).empty());
  EXPECT_EQ(TcpConnections(port_), 1);
  const auto listening = Entries(Status(), "listening", Address());
  ASSERT_EQ(listening.size(), 1u);
  EXPECT_EQ(listening[0]["pid"], server->pid());
  // A client under samehost run would get there through shared memory.
  EXPECT_EQ(RunToEnd({Samehost(), "explain", Address()}, Environment()).code, 0);
  // And asking has left the server as it was.
  EXPECT_TRUE(Entries(Status(), "links", Address()).empty());
  client.Tell("call");
  EXPECT_EQ(client.Line(), "ok");
}

TEST_F(RunGrpcTest, LocalCredentialsAreUpgraded) {
  auto server = StartServer(UnderRun({StockEcho(), "server", "127.0.0.1:0", "local"}));
  Words words = Client(5, 10);
  words.push_back("local");
  Program client(UnderRun(words), Environment());
  EXPECT_EQ(client.Line().substr(0, 7), "5 calls");
  EXPECT_EQ(Entries(Status(), "links", Address()).size(), 1u);
}

class RunTlsTest : public RunGrpcTest {
 protected:
  void SetUp() override {
    const Ended made =
        RunToEnd({"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj",
                  "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                  keys_.path() + "/key", "-out", keys_.path() + "/cert"});
    ASSERT_EQ(made.code, 0) << made.errors;
  }
  // Calls with TLS on both sides; the links that there are then.
  size_t LinksWith(const Words& server_options, const Words& client_options) {
    auto server = StartServer(
        UnderRun({StockEcho(), "server", "127.0.0.1:0", "tls", keys_.path()}, server_options));
    Words words = Client(5, 10);
    words.insert(words.end(), {"tls", keys_.path()});
    Program client(UnderRun(words, client_options), Environment());
    EXPECT_EQ(client.Line().substr(0, 7), "5 calls") << client.Errors();
    fallbacks_ = Entries(Status(), "fallbacks", Address());
    said_ = server->Errors() + client.Errors();
    return Entries(Status(), "links", Address()).size();
  }

  Scratch keys_;
  std::vector<nlohmann::json> fallbacks_;
  std::string said_;
};

TEST_F(RunTlsTest, IsLeftAloneUnlessBothSidesSaySo) {
  EXPECT_EQ(LinksWith({}, {}), 0u);
  ASSERT_EQ(fallbacks_.size(), 2u);
  for (const auto& fallback : fallbacks_) EXPECT_EQ(fallback["reason"], "tls_not_replaced");
  EXPECT_EQ(said_, "") << "it was not asked for";
  EXPECT_EQ(LinksWith({"--replace-tls"}, {}), 0u);
  EXPECT_EQ(LinksWith({}, {"--replace-tls"}), 0u);
  EXPECT_EQ(LinksWith({"--replace-tls"}, {"--replace-tls"}), 1u);
}

TEST_F(RunGrpcTest, ExcludedAddressesStayOnSockets) {
  auto server = StartServer();
  Program client(UnderRun(Client(5, 10), {"--exclude", ":" + port_}), Environment());
  EXPECT_EQ(client.Line().substr(0, 7), "5 calls");
  const auto fallbacks = Entries(Status(), "fallbacks", Address());
  ASSERT_EQ(fallbacks.size(), 1u);
  EXPECT_EQ(fallbacks[0]["reason"], "switched_off");
}

TEST_F(RunGrpcTest, StoppedProcessesCanBeLookedAt) {
  auto server = StartServer();
  Program client(UnderRun(Client(20, 10)), Environment());
  EXPECT_EQ(client.Line().substr(0, 8), "20 calls");
  kill(server->pid(), SIGSTOP);
  kill(client.pid(), SIGSTOP);
  std::vector<nlohmann::json> links;
  EXPECT_TRUE(Eventually([&] {
    links = Entries(Status(), "links", Address());
    return links.size() == 1 && links[0]["server"]["stopped"] && links[0]["client"]["stopped"];
  }));
  EXPECT_EQ(links[0]["client"]["messages_sent"], 20);
  // A dead one vanishes, though the other, stopped, keeps the memory.
  kill(client.pid(), SIGKILL);
  EXPECT_EQ(client.Wait(), 128 + SIGKILL);
  EXPECT_TRUE(Entries(Status(), "links", Address()).empty());
  kill(server->pid(), SIGCONT);
}

TEST_F(RunGrpcTest, CountersGoOn) {
  auto server = StartServer();
  Program client(UnderRun(Client(1, 10)), Environment());
  EXPECT_EQ(client.Line().substr(0, 7), "1 calls");
  for (int i = 0; i < 10; ++i) {
    client.Tell("call");
    EXPECT_EQ(client.Line(), "ok");
  }
  const auto links = Entries(Status(), "links", Address());
  ASSERT_EQ(links.size(), 1u);
  EXPECT_EQ(links[0]["client"]["messages_sent"], 11);
  EXPECT_EQ(links[0]["server"]["messages_received"], 11);
}

TEST_F(RunGrpcTest, MetricsHaveTheLink) {
  auto server = StartServer();
  Program client(UnderRun(Client(7, 10)), Environment());
  EXPECT_EQ(client.Line().substr(0, 7), "7 calls");
  const std::string file = scratch_.path() + "/samehost.prom";
  ASSERT_EQ(RunToEnd({Samehost(), "metrics", "--output", file}, Environment()).code, 0);
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::string pids = "client_pid=\"" + std::to_string(client.pid()) + "\"";
  bool found = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("samehost_link_messages_sent_total{", 0) == 0 &&
        line.find(pids) != std::string::npos && line.find("side=\"client\"") != std::string::npos) {
      EXPECT_EQ(line.substr(line.rfind(' ') + 1), "7");
      found = true;
    }
  }
  EXPECT_TRUE(found) << text;
}

}  // namespace
}  // namespace samehost::cli::testing
