// `samehost explain` with real servers; and that its way is the connector's.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <memory>

#include "plugin/cli/testing/program.h"
#include "plugin/cli/testing/sockets.h"

namespace samehost::cli::testing {
namespace {

class ExplainTest : public ::testing::Test {
 protected:
  Variables Environment() const { return CleanEnvironment(scratch_.path()); }
  std::unique_ptr<Program> StartServer(const std::string& address) {
    auto server = std::make_unique<Program>(
        Words{Samehost(), "run", "--", StockEcho(), "server", address}, Environment());
    const std::string line = server->Line();
    port_ = line.substr(line.rfind(' ') + 1);
    return server;
  }
  struct Explained {
    int code = -1;
    nlohmann::json json;
  };
  Explained Ask(const Words& words, const Variables& more = {}) const {
    Words all = {Samehost(), "explain", "--json"};
    all.insert(all.end(), words.begin(), words.end());
    Variables environment = Environment();
    for (const auto& [name, value] : more) environment[name] = value;
    const Ended ended = RunToEnd(all, environment);
    return {ended.code, nlohmann::json::parse(ended.out, nullptr, false)};
  }
  // The reason that a client under `samehost run` finds itself.
  std::string ReasonOfClient(const std::string& target) const {
    Program client({Samehost(), "run", "--", StockEcho(), "client", target, "1", "1"},
                   Environment());
    EXPECT_EQ(client.Line().substr(0, 7), "1 calls") << client.Errors();
    const nlohmann::json status = Status();
    for (const auto& fallback : status["fallbacks"]) {
      if (fallback["pid"] == client.pid()) return fallback["reason"];
    }
    return "none";
  }

  Scratch scratch_;
  std::string port_;
};

TEST_F(ExplainTest, SharedMemory) {
  auto server = StartServer("127.0.0.1:0");
  for (const char* form : {"127.0.0.1:", "localhost:", "dns:///localhost:", "ipv4:127.0.0.1:"}) {
    const Explained explained = Ask({form + port_});
    EXPECT_EQ(explained.code, 0) << form;
    EXPECT_EQ(explained.json["reason"], "none") << form;
    EXPECT_EQ(explained.json["shared_memory"], true) << form;
  }
  EXPECT_EQ(ReasonOfClient("127.0.0.1:" + port_), "none");
}

TEST_F(ExplainTest, UnixSockets) {
  const std::string path = scratch_.path() + "/echo.sock";
  auto server = StartServer("unix:" + path);
  EXPECT_EQ(Ask({"unix:" + path}).code, 0);
  EXPECT_EQ(Ask({"unix://" + path}).code, 0);
  EXPECT_EQ(Ask({"unix:" + path + ".not"}).code, 1);
}

TEST_F(ExplainTest, EachAddressOfAList) {
  auto one = StartServer("127.0.0.1:0");
  const std::string first = "127.0.0.1:" + FreePort();
  const std::string second = "127.0.0.1:" + port_;
  auto two = StartServer("127.0.0.1:0");
  const std::string third = "127.0.0.1:" + port_;
  kill(two->pid(), SIGSTOP);
  const Explained explained = Ask({"ipv4:" + first + "," + second + "," + third});
  EXPECT_EQ(explained.code, 0) << "a client stays with the second";
  const auto& addresses = explained.json["addresses"];
  ASSERT_EQ(addresses.size(), 3u) << explained.json.dump(2);
  EXPECT_EQ(addresses[0]["no_listener"], true);
  EXPECT_EQ(addresses[0]["shared_memory"], false);
  EXPECT_EQ(addresses[1]["shared_memory"], true);
  EXPECT_EQ(addresses[2]["reason"], "handshake_timeout");
  EXPECT_NE(explained.json["notes"].dump().find("round_robin"), std::string::npos);
  kill(two->pid(), SIGCONT);
}

// Says what is wrong with it and what to do, and never explains another address.
TEST_F(ExplainTest, TargetsThatItCannotExplain) {
  const auto errors = [&](const std::string& target, int code) {
    const Ended ended = RunToEnd({Samehost(), "explain", target}, Environment());
    EXPECT_EQ(ended.code, code) << target;
    EXPECT_EQ(ended.out, "") << target;
    return ended.errors;
  };
  EXPECT_NE(errors("localhost:99999", 2).find("99999 is no port"), std::string::npos);
  EXPECT_NE(errors("xds:///orders", 2).find("xDS server"), std::string::npos);
  EXPECT_NE(errors("etcd:///orders", 2).find("\"etcd\""), std::string::npos);
  EXPECT_NE(errors("ipv4:localhost:1", 2).find("in numbers"), std::string::npos);
}

// What a ZeroMQ user is told to do has nothing of gRPC's in it, whatever the reason.
TEST_F(ExplainTest, RemediesFitTheProtocol) {
  auto server = StartServer("127.0.0.1:0");
  const Explained zmq = Ask({"tcp://127.0.0.1:" + port_});
  EXPECT_EQ(zmq.json["reason"], "server_not_found");
  EXPECT_EQ(zmq.json["remedy"].get<std::string>().find("credentials"), std::string::npos);
  EXPECT_NE(zmq.json["remedy"].get<std::string>().find("libzmq"), std::string::npos);
  Program stock({StockEcho(), "server", "127.0.0.1:0"}, Environment());
  const std::string line = stock.Line();
  const Explained grpc = Ask({"127.0.0.1:" + line.substr(line.rfind(' ') + 1)});
  EXPECT_NE(grpc.json["remedy"].get<std::string>().find("samehost run"), std::string::npos)
      << grpc.json.dump(2);
}

TEST_F(ExplainTest, NobodyThere) {
  const Explained explained = Ask({"127.0.0.1:" + FreePort()});
  EXPECT_EQ(explained.code, 1);
  EXPECT_EQ(explained.json["reached"], false);
}

TEST_F(ExplainTest, StoppedServer) {
  auto server = StartServer("127.0.0.1:0");
  kill(server->pid(), SIGSTOP);
  const Explained explained = Ask({"127.0.0.1:" + port_});
  EXPECT_EQ(explained.code, 1);
  EXPECT_EQ(explained.json["reason"], "handshake_timeout");
  kill(server->pid(), SIGCONT);
}

TEST_F(ExplainTest, SwitchedOffHere) {
  auto server = StartServer("127.0.0.1:0");
  EXPECT_EQ(Ask({"127.0.0.1:" + port_}, {{"SAMEHOST", "off"}}).json["reason"], "switched_off");
  EXPECT_EQ(Ask({"127.0.0.1:" + port_}, {{"SAMEHOST_EXCLUDE", ":" + port_}}).json["reason"],
            "switched_off");
}

TEST_F(ExplainTest, UnsafeDirectory) {
  auto server = StartServer("127.0.0.1:0");
  ASSERT_EQ(chmod(scratch_.path().c_str(), 0777), 0);
  EXPECT_EQ(Ask({"127.0.0.1:" + port_}).json["reason"], "directory_refused");
  EXPECT_EQ(ReasonOfClient("127.0.0.1:" + port_), "directory_refused");
}

TEST_F(ExplainTest, OtherProtocol) {
  auto server = StartServer("127.0.0.1:0");
  // A gRPC server is no ZeroMQ server.
  const Explained explained = Ask({"tcp://127.0.0.1:" + port_});
  EXPECT_EQ(explained.json["reason"], "server_not_found");
  EXPECT_EQ(explained.json["protocol"], "zmq");
  EXPECT_EQ(Ask({"tcp://127.0.0.1:" + port_}, {{"SAMEHOST_ZMQ", "ipc"}}).json["reason"],
            "switched_off");
}

TEST_F(ExplainTest, Credentials) {
  auto server = StartServer("127.0.0.1:0");
  EXPECT_EQ(Ask({"--credentials", "tls", "127.0.0.1:" + port_}).json["reason"], "tls_not_replaced");
  const Explained replaced = Ask({"--credentials", "tls", "--replace-tls", "127.0.0.1:" + port_});
  EXPECT_EQ(replaced.json["reason"], "tls_not_replaced");
  EXPECT_NE(replaced.json["detail"].get<std::string>().find("server's \"Insecure\""),
            std::string::npos);
  EXPECT_EQ(Ask({"--credentials", "local", "127.0.0.1:" + port_}).code, 0);
}

TEST_F(ExplainTest, OtherHost) {
  // A documentation address (RFC 5737): never this host's.
  const Explained explained = Ask({"192.0.2.1:50051"});
  EXPECT_EQ(explained.code, 1);
  EXPECT_EQ(explained.json["reason"], "not_local_address");
}

TEST_F(ExplainTest, PollingEngine) {
  auto server = StartServer("127.0.0.1:0");
  const Explained explained = Ask({"127.0.0.1:" + port_}, {{"GRPC_POLL_STRATEGY", "poll"}});
  EXPECT_NE(explained.json["notes"].dump().find("GRPC_POLL_STRATEGY"), std::string::npos);
}

TEST_F(ExplainTest, ProxyAndDecisionsAreNoted) {
  auto server = StartServer("127.0.0.1:0");
  const Explained explained =
      Ask({"127.0.0.1:" + port_}, {{"http_proxy", "http://proxy.example:3128"}});
  const std::string notes = explained.json["notes"].dump();
  EXPECT_NE(notes.find("http_proxy=http://proxy.example:3128"), std::string::npos) << notes;
  EXPECT_NE(notes.find(std::to_string(server->pid()) + " stock_echo (server)"), std::string::npos)
      << notes;
}

TEST_F(ExplainTest, CommandLine) {
  EXPECT_EQ(Ask({"no colon"}).code, 2);
  EXPECT_EQ(Ask({"no-such-host.invalid:1"}).code, 1);
  EXPECT_EQ(Ask({"inproc://name"}).code, 2);
  EXPECT_EQ(Ask({"shm://no/name"}).code, 2);
  EXPECT_EQ(Ask({"shm://name"}).code, 1);
  EXPECT_EQ(RunToEnd({Samehost()}).code, 2);
  EXPECT_EQ(RunToEnd({Samehost(), "run"}).code, 2);
  EXPECT_EQ(RunToEnd({Samehost(), "status", "--json", "--watch"}).code, 2);
  for (const char* command : {"run", "status", "explain", "doctor", "metrics"}) {
    const Ended help = RunToEnd({Samehost(), command, "--help"});
    EXPECT_EQ(help.code, 0) << command;
    EXPECT_NE(help.out.find("Usage: samehost " + std::string(command)), std::string::npos)
        << help.out;
  }
  EXPECT_EQ(RunToEnd({Samehost(), "--version"}).code, 0);
}

}  // namespace
}  // namespace samehost::cli::testing
