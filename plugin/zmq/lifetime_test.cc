// Beginnings and ends: forked children, contexts, peers that stand still, and what keeps to its
// socket for all of its life. Each with our library over shared memory, and the same with the
// distribution's.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <string>

#include "plugin/zmq/testing/eventually.h"
#include "plugin/zmq/testing/scenario.h"

namespace samehost::zmq_transport {
namespace {

using testing::Eventually;
using testing::Fails;
using testing::FreeEndpoint;
using testing::Got;
using testing::Kind;
using testing::kKinds;
using testing::kNameOf;
using testing::kNothing;
using testing::kWait;
using testing::Library;
using testing::Option;
using testing::Program;
using testing::Scenario;

using Lifetime = Scenario;
INSTANTIATE_TEST_SUITE_P(All, Lifetime, ::testing::ValuesIn(kKinds), kNameOf);

// ---- Forks -----------------------------------------------------------------------------------

// A child may close and end what it has of its parent's, and have its own; the parent goes on.
TEST_P(Lifetime, AForkedChildHasItsOwnAndTheParentGoesOn) {
  Program server(kind(), {"socket PULL"});
  Program client(kind(), {"socket PUSH"});
  const std::string endpoint = server.Bind();
  client.Do("connect " + endpoint);
  ASSERT_EQ(client("send 0 100 1 100 20000"), "sent 100");
  EXPECT_EQ(server("recv 100 20000"), Got(100));
  ExpectLink(server, client);
  for (uint64_t round = 0; round < 5; ++round) {
    const uint64_t first = 1000 * (round + 1);
    // The child of who has connected; then of who is connected to.
    EXPECT_EQ(client("fork " + endpoint + " " + std::to_string(first) + " 10"), "child 0");
    EXPECT_EQ(server("order 10 20000"), "order 0 0 0 0 0 0 0 0 0 0");
    ASSERT_EQ(client("send 500 50 2 100 20000"), "sent 50");
    EXPECT_EQ(server("recv 50 20000"), Got(50, 500));
    EXPECT_EQ(server("fork " + endpoint + " " + std::to_string(first) + " 10"), "child 0");
    EXPECT_EQ(server("order 10 20000"), "order 0 0 0 0 0 0 0 0 0 0");
    ASSERT_EQ(client("send 600 50 2 30000 20000"), "sent 50");
    EXPECT_EQ(server("recv 50 20000"), Got(50, 600));
  }
  EXPECT_TRUE(Eventually([&] {
    server("recv 1 1");
    return server.Links() == client.Links();
  }));
}

// ---- Contexts --------------------------------------------------------------------------------

TEST_P(Lifetime, SeveralThreadsOfAContextShareItsConnections) {
  const std::string threads = "ctxset " + std::to_string(ZMQ_IO_THREADS) + " 4";
  Program server(kind(), {threads, "socket PULL"}), client(kind(), {threads});
  const std::string endpoint = server.Bind();
  for (int i = 0; i < 8; ++i) {
    client.Do("use " + std::to_string(i));
    client.Do("socket PUSH");
    client.Do("connect " + endpoint);
  }
  server.ExpectLinks(8);
  for (uint64_t round = 0; round < 5; ++round) {
    for (int i = 0; i < 8; ++i) {
      client.Do("use " + std::to_string(i));
      ASSERT_EQ(client("send " + std::to_string(i * 1000000 + round * 50) + " 50 1 100 20000"),
                "sent 50");
    }
    EXPECT_EQ(server("order 400 20000").size(), std::string("order").size() + 800);
  }
}

// ---- Peers that stand still ------------------------------------------------------------------

TEST_P(Lifetime, TheEndDoesNotWaitForAStoppedPeer) {
  for (const char* linger : {"0", "200", "-1"}) {
    Program server(kind(), {"socket PULL"}), client(kind(), {"socket PUSH"});
    client.ConnectTo(server);
    ASSERT_EQ(client("send 0 3 1 100 20000"), "sent 3");
    EXPECT_EQ(server("recv 3 20000"), Got(3));
    ExpectLink(server, client);
    kill(server.pid(), SIGSTOP);
    // What is sent already is nothing that the end would wait for.
    ASSERT_EQ(client("send 3 3 1 100 20000"), "sent 3");
    EXPECT_EQ(client(std::string("close ") + linger), "ok");
    EXPECT_EQ(client("term"), "ok");
    kill(server.pid(), SIGCONT);
    if (linger[0] != '0') {
      EXPECT_EQ(server("recv 3 20000"), Got(3, 3));
    }
  }
}

TEST_P(Lifetime, TheEndDoesNotWaitForAHandshakeWithAStoppedPeer) {
  for (const char* linger : {"0", "200"}) {
    Program server(kind(), {"socket PULL"});
    const std::string endpoint = server.Bind();
    kill(server.pid(), SIGSTOP);
    Program client(kind(), {"socket PUSH", "connect " + endpoint});
    ASSERT_EQ(client("send 0 3 1 100 1000"), "sent 3");
    EXPECT_EQ(client(std::string("close ") + linger), "ok");
    EXPECT_EQ(client("term"), "ok");
    kill(server.pid(), SIGCONT);
    EXPECT_EQ(server("recv 1 300"), kNothing);
  }
}

TEST_P(Lifetime, TheEndOfAServerDoesNotWaitForAStoppedClient) {
  for (const char* linger : {"0", "200", "-1"}) {
    Program server(kind(), {"socket PUSH"}), client(kind(), {"socket PULL"});
    client.ConnectTo(server);
    ASSERT_EQ(server("send 0 3 1 100 20000"), "sent 3");
    EXPECT_EQ(client("recv 3 20000"), Got(3));
    ExpectLink(server, client);
    kill(client.pid(), SIGSTOP);
    ASSERT_EQ(server("send 3 3 1 100 20000"), "sent 3");
    EXPECT_EQ(server(std::string("close ") + linger), "ok");
    EXPECT_EQ(server("term"), "ok");
    kill(client.pid(), SIGCONT);
    if (linger[0] != '0') {
      EXPECT_EQ(client("recv 3 20000"), Got(3, 3));
    }
  }
}

// ---- What keeps to its socket ----------------------------------------------------------------

TEST_P(Lifetime, StreamsKeepToTheirSocket) {
  if (kind().transport != std::string("tcp")) GTEST_SKIP() << "STREAM is for tcp";
  Program server(kind(), {"socket STREAM", Option(ZMQ_STREAM_NOTIFY, 0)});
  Program client(kind(), {"socket STREAM", Option(ZMQ_STREAM_NOTIFY, 0),
                          Option(ZMQ_CONNECT_ROUTING_ID, "server")});
  client.ConnectTo(server);
  ASSERT_TRUE(Eventually([&] { return client("textto server hello") == "ok"; }));
  const std::string got = server("gettext 20000");
  EXPECT_EQ(got.substr(got.find('|') + 1), "hello");
  EXPECT_EQ(server.Links() + client.Links(), 0);
}

// A proxy that is not there: nothing goes past it.
TEST_P(Lifetime, NothingGoesPastASocksProxy) {
  if (kind().transport != std::string("tcp")) GTEST_SKIP() << "SOCKS is for tcp";
  const std::string nobody = FreeEndpoint("tcp").substr(6);
  Program server(kind(), {"socket PULL"});
  Program client(kind(), {"socket PUSH", Option(ZMQ_SOCKS_PROXY, nobody)});
  client.ConnectTo(server);
  ASSERT_EQ(client("send 0 3 1 100 1000"), "sent 3");
  EXPECT_EQ(server("recv 1 500"), kNothing);
  EXPECT_EQ(server.Links() + client.Links(), 0);
}

// A SOCKS server (the distribution's microsocks) on a port of 127.0.0.1; ended with this object.
class SocksServer {
 public:
  SocksServer() : endpoint_(FreeEndpoint("tcp").substr(6)), port_(endpoint_.substr(10)) {
    char* arguments[] = {program_.data(),     address_option_.data(), address_.data(),
                         port_option_.data(), port_.data(),           nullptr};
    EXPECT_EQ(posix_spawnp(&pid_, program_.c_str(), nullptr, nullptr, arguments, environ), 0)
        << "microsocks is not installed";
  }
  ~SocksServer() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  SocksServer(const SocksServer&) = delete;
  SocksServer& operator=(const SocksServer&) = delete;

  const std::string& endpoint() const { return endpoint_; }

 private:
  const std::string endpoint_;
  std::string port_;
  std::string program_ = "microsocks", address_option_ = "-i", address_ = "127.0.0.1",
              port_option_ = "-p";
  pid_t pid_ = -1;
};

TEST_P(Lifetime, EverythingGoesThroughASocksProxy) {
  if (kind().transport != std::string("tcp")) GTEST_SKIP() << "SOCKS is for tcp";
  Program server(kind(), {"socket REP"});
  Program client(kind(), {"socket REQ"});
  {
    SocksServer proxy;
    client.Do(Option(ZMQ_SOCKS_PROXY, proxy.endpoint()));
    client.ConnectTo(server);
    client.Do("text question");
    ASSERT_EQ(server("gettext 20000"), "text question");
    server.Do("text answer");
    ASSERT_EQ(client("gettext 20000"), "text answer");
    EXPECT_EQ(server.Links() + client.Links(), 0);
    client.Do("text again");
    ASSERT_EQ(server("gettext 20000"), "text again");
  }
  server.Do("text lost with the proxy");
  EXPECT_TRUE(Fails(client("gettext 500"), EAGAIN));
}

// The distribution builds no draft API, so there are no draft socket types to be tried.
TEST(Drafts, AreNotBuilt) {
  Program ours({Library::kOurs, "shm"}), stock({Library::kStock, "ipc"});
  EXPECT_EQ(ours("has draft"), "0");
  EXPECT_EQ(stock("has draft"), "0");
}

}  // namespace
}  // namespace samehost::zmq_transport
