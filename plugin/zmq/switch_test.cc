// The machine's switch while messages flow: a connection goes from its link back to its socket, and
// none is lost, doubled or overtaken.
#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zmq.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "plugin/base/unique_fd.h"
#include "plugin/zmq/testing/eventually.h"
#include "plugin/zmq/testing/scenario.h"

namespace samehost::zmq_transport {
namespace {

using testing::Bind;
using testing::Count;
using testing::Eventually;
using testing::kWait;
using testing::Library;
using testing::Option;
using testing::PeerProcess;

class SwitchTest : public ::testing::Test {
 protected:
  SwitchTest() {
    char name[] = "/tmp/samehost-switch-XXXXXX";
    if (mkdtemp(name) != nullptr) directory_ = name;
  }
  ~SwitchTest() override { std::filesystem::remove_all(directory_); }

  PeerProcess::Environment Environment() const {
    return {{"SAMEHOST_ZMQ", "ipc,tcp"}, {"SAMEHOST_DIR", directory_}};
  }
  void SwitchOff() { std::ofstream(directory_ + "/off") << ""; }
  void SwitchOn() { std::filesystem::remove(directory_ + "/off"); }
  static void AwaitLink(PeerProcess& a, PeerProcess& b) {
    EXPECT_TRUE(Eventually([&] { return a.Links() > 0 && b.Links() > 0; }));
  }
  static bool AnyLink(PeerProcess& a, PeerProcess& b) { return a.Links() > 0 || b.Links() > 0; }
  // `count` messages numbered from *next on, sent and received.
  static void Pass(PeerProcess& sender, PeerProcess& receiver, uint64_t count, uint64_t* next,
                   const std::string& shape = "1 100") {
    sender.Tell("send " + std::to_string(*next) + " " + std::to_string(count) + " " + shape +
                kWait);
    ASSERT_EQ(receiver("recv " + std::to_string(count) + kWait), Count("got", count, *next))
        << sender.Links() << " links of the sender, " << receiver.Links() << " of the receiver";
    ASSERT_EQ(sender.Answer(), "sent " + std::to_string(count));
    *next += count;
  }

  std::string directory_;
};

// That the peer's TCP connections have got to the other side.
uint64_t TcpBytes(const PeerProcess& peer) {
  UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, peer.pid(), 0)));
  uint64_t bytes = 0;
  for (const std::string& path : peer.DescriptorsOf("socket:")) {
    const int number = std::stoi(path.substr(path.rfind('/') + 1));
    UniqueFd copy(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), number, 0)));
    tcp_info info = {};
    socklen_t length = sizeof(info);
    if (getsockopt(copy.get(), IPPROTO_TCP, TCP_INFO, &info, &length) == 0) {
      bytes += info.tcpi_bytes_acked;
    }
  }
  return bytes;
}

struct Way {
  const char* sender;
  const char* receiver;
  const char* transport;
  const char* shape;  // parts and bytes
  uint64_t batch;
};
constexpr Way kWays[] = {
    {"PUSH", "PULL", "tcp", "1 100", 20000}, {"PUSH", "PULL", "ipc", "3 40", 5000},
    {"PUSH", "PULL", "shm", "1 40000", 500}, {"PUSH", "PULL", "tcp", "2 2000000", 5},
    {"PAIR", "PAIR", "ipc", "1 100", 5000},  {"DEALER", "DEALER", "tcp", "1 100", 5000},
    {"PUB", "SUB", "ipc", "1 100", 500},     {"XPUB", "SUB", "tcp", "1 100", 500},
};

class Flow : public SwitchTest, public ::testing::WithParamInterface<Way> {};
INSTANTIATE_TEST_SUITE_P(All, Flow, ::testing::ValuesIn(kWays), [](const auto& info) {
  std::string name = std::string(info.param.sender) + info.param.receiver + info.param.transport +
                     info.param.shape;
  std::erase(name, ' ');
  return name;
});

TEST_P(Flow, GoesOnOverTheSocketInOrder) {
  const Way& way = GetParam();
  PeerProcess receiver(Library::kOurs, Environment()), sender(Library::kOurs, Environment());
  ASSERT_EQ(receiver("socket " + std::string(way.receiver)), "ok");
  ASSERT_EQ(sender("socket " + std::string(way.sender)), "ok");
  if (std::string(way.receiver) == "SUB") {
    ASSERT_EQ(receiver(Option(ZMQ_SUBSCRIBE, "")), "ok");
    // A publisher drops what is beyond its mark, and over a socket it hears late what has left.
    for (PeerProcess* peer : {&receiver, &sender}) {
      ASSERT_EQ((*peer)(Option(ZMQ_SNDHWM, 0)), "ok");
      ASSERT_EQ((*peer)(Option(ZMQ_RCVHWM, 0)), "ok");
    }
  }
  ASSERT_EQ(receiver("connect " + Bind(sender, way.transport)), "ok");
  AwaitLink(sender, receiver);
  if (std::string(way.receiver) == "SUB") {
    // Until the subscription has arrived messages are dropped.
    ASSERT_TRUE(Eventually([&] {
      sender("send 0 1 1 100" + std::string(kWait));
      return receiver("recv 1 10") != testing::kNothing;
    }));
    while (receiver("recv 1 100") != testing::kNothing) {
    }
  }
  uint64_t next = 1;
  Pass(sender, receiver, way.batch, &next, way.shape);
  SwitchOff();
  while (AnyLink(sender, receiver) && !HasFailure()) {
    Pass(sender, receiver, way.batch, &next, way.shape);
  }
  for (int i = 0; i < 3 && !HasFailure(); ++i) {
    Pass(sender, receiver, way.batch, &next, way.shape);
  }
  EXPECT_FALSE(AnyLink(sender, receiver));
}

// Both directions of a connection, and a peer that is addressed.
struct Calls {
  const char* server;
  const char* client;
  const char* transport;
  uint64_t batch;  // requests before the first reply is read
  bool plain;      // by ZMQ_PLAIN
};
constexpr Calls kCalls[] = {{"REP", "REQ", "tcp", 1, false},
                            {"REP", "REQ", "shm", 1, false},
                            {"ROUTER", "DEALER", "tcp", 300, false},
                            {"ROUTER", "REQ", "ipc", 1, false},
                            {"ROUTER", "DEALER", "ipc", 300, true}};

class Conversation : public SwitchTest, public ::testing::WithParamInterface<Calls> {};
INSTANTIATE_TEST_SUITE_P(All, Conversation, ::testing::ValuesIn(kCalls), [](const auto& info) {
  return std::string(info.param.server) + info.param.client + info.param.transport +
         (info.param.plain ? "Plain" : "");
});

TEST_P(Conversation, GoesOnOverTheSocketInOrder) {
  const Calls& calls = GetParam();
  PeerProcess server(Library::kOurs, Environment()), client(Library::kOurs, Environment());
  if (calls.plain) ASSERT_EQ(server("zap"), "ok");
  ASSERT_EQ(server("socket " + std::string(calls.server)), "ok");
  ASSERT_EQ(client("socket " + std::string(calls.client)), "ok");
  if (calls.plain) {
    ASSERT_EQ(server(Option(ZMQ_PLAIN_SERVER, 1)), "ok");
    ASSERT_EQ(client(Option(ZMQ_PLAIN_USERNAME, "admin")), "ok");
    ASSERT_EQ(client(Option(ZMQ_PLAIN_PASSWORD, "secret")), "ok");
  }
  ASSERT_EQ(client("connect " + Bind(server, calls.transport)), "ok");
  AwaitLink(server, client);
  uint64_t next = 0;
  const std::string batch = std::to_string(calls.batch);
  const auto call = [&] {
    server.Tell("echo " + batch + kWait);
    ASSERT_EQ(client("send " + std::to_string(next) + " " + batch + " 1 100" + kWait),
              "sent " + batch);
    ASSERT_EQ(client("recv " + batch + kWait), Count("got", calls.batch, next));
    ASSERT_EQ(server.Answer(), "echoed " + batch);
    next += calls.batch;
  };
  call();
  SwitchOff();
  while (AnyLink(server, client) && !HasFailure()) call();
  for (int i = 0; i < 100 && !HasFailure(); ++i) call();
  EXPECT_FALSE(AnyLink(server, client));
}

// What is in the ring comes before what came over the socket, however late it is read.
TEST_F(SwitchTest, AReaderThatComesLateReadsInOrder) {
  PeerProcess receiver(Library::kOurs, Environment()), sender(Library::kOurs, Environment());
  ASSERT_EQ(receiver("socket PULL"), "ok");
  ASSERT_EQ(sender("socket PUSH"), "ok");
  for (PeerProcess* peer : {&receiver, &sender}) {
    ASSERT_EQ((*peer)(Option(ZMQ_SNDHWM, 0)), "ok");
    ASSERT_EQ((*peer)(Option(ZMQ_RCVHWM, 0)), "ok");
  }
  ASSERT_EQ(sender("connect " + Bind(receiver, "tcp")), "ok");
  AwaitLink(sender, receiver);
  uint64_t sent = 0;
  const auto send = [&] {
    ASSERT_EQ(sender("send " + std::to_string(sent++) + " 1 1 100" + kWait), "sent 1");
  };
  for (int i = 0; i < 100; ++i) send();
  const uint64_t bytes = TcpBytes(sender);
  SwitchOff();
  ASSERT_TRUE(Eventually([&] {
    send();
    return TcpBytes(sender) > bytes + 1000 || HasFailure();
  }));
  EXPECT_GT(receiver.Links(), 0);
  EXPECT_EQ(receiver("recv " + std::to_string(sent) + kWait), Count("got", sent));
}

// A program in the middle of a message of several parts.
TEST_F(SwitchTest, AMessageOfWhichAPartIsSentGoesOnWhole) {
  PeerProcess receiver(Library::kOurs, Environment()), sender(Library::kOurs, Environment());
  ASSERT_EQ(receiver("socket PULL"), "ok");
  ASSERT_EQ(sender("socket PUSH"), "ok");
  ASSERT_EQ(sender("connect " + Bind(receiver, "tcp")), "ok");
  AwaitLink(sender, receiver);
  ASSERT_EQ(sender("text first"), "ok");
  SwitchOff();
  ASSERT_EQ(receiver("gettext" + std::string(kWait)), "text first");
  ASSERT_TRUE(Eventually([&] {
    EXPECT_EQ(sender("part a"), "ok");
    EXPECT_EQ(sender("part b"), "ok");
    EXPECT_EQ(sender("text c"), "ok");
    EXPECT_EQ(receiver("gettext" + std::string(kWait)), "text a|b|c");
    return !AnyLink(sender, receiver) || HasFailure();
  }));
}

TEST_F(SwitchTest, NewConnectionsKeepToTheSocketUntilItIsOnAgain) {
  SwitchOff();
  PeerProcess receiver(Library::kOurs, Environment());
  ASSERT_EQ(receiver("socket PULL"), "ok");
  const std::string endpoint = Bind(receiver, "tcp");
  {
    PeerProcess sender(Library::kOurs, Environment());
    ASSERT_EQ(sender("socket PUSH"), "ok");
    ASSERT_EQ(sender("connect " + endpoint), "ok");
    uint64_t next = 0;
    Pass(sender, receiver, 100, &next);
    EXPECT_FALSE(AnyLink(sender, receiver));
  }
  SwitchOn();
  PeerProcess sender(Library::kOurs, Environment());
  ASSERT_EQ(sender("socket PUSH"), "ok");
  ASSERT_EQ(sender("connect " + endpoint), "ok");
  AwaitLink(sender, receiver);
  uint64_t next = 0;
  Pass(sender, receiver, 100, &next);
}

}  // namespace
}  // namespace samehost::zmq_transport
