// What a socket's user is told of its connections: by monitors, and by the properties of messages.
// With our library over shared memory, and the same with the distribution's.
#include <gtest/gtest.h>
#include <unistd.h>
#include <zmq.h>

#include <memory>
#include <string>
#include <vector>

#include "plugin/zmq/testing/eventually.h"
#include "plugin/zmq/testing/scenario.h"

namespace samehost::zmq_transport {
namespace {

using testing::Eventually;
using testing::FreeEndpoint;
using testing::Kind;
using testing::kKinds;
using testing::kNameOf;
using testing::kWait;
using testing::Library;
using testing::Option;
using testing::Program;
using testing::Scenario;

// ---- Monitors --------------------------------------------------------------------------------

// What the monitor of `watched` says next, up to `last`. What `actor` was asked to end it ends only
// while it calls libzmq again.
std::string AwaitEvent(Program& watched, const std::string& last, Program& actor) {
  std::string events;
  EXPECT_TRUE(Eventually([&] {
    actor("get " + std::to_string(ZMQ_EVENTS));
    events = watched("events " + last + " 100");
    return events.find(last) != std::string::npos;
  }));
  return events;
}

// What the monitors of both sides say of a connection's life.
std::vector<std::string> LifeOf(const Kind& kind) {
  std::vector<std::string> said;
  Program client(kind, {"socket DEALER", "monitor"});
  const std::string endpoint = FreeEndpoint(kind.transport);
  auto server = std::make_unique<Program>(
      kind, std::initializer_list<std::string>{"socket DEALER", "monitor"});
  server->Bind(endpoint);
  client.Do("connect " + endpoint);
  said.push_back("client " + client("events HANDSHAKE_SUCCEEDED 20000"));
  said.push_back("server " + (*server)("events HANDSHAKE_SUCCEEDED 20000"));
  client.ExpectLinks(1);
  // The client goes, by itself, and comes back.
  client.Do("disconnect " + endpoint);
  said.push_back("server " + AwaitEvent(*server, "DISCONNECTED", client));
  client.Do("connect " + endpoint);
  said.push_back("client " + client("events HANDSHAKE_SUCCEEDED 20000"));
  said.push_back("server " + (*server)("events HANDSHAKE_SUCCEEDED 20000"));
  client.ExpectLinks(1);
  // The server is killed.
  server->Kill();
  said.push_back("client " + client("events CONNECT_RETRIED 20000"));
  // Another server takes its place, gives the endpoint up, and ends.
  Program next(kind, {"socket DEALER", "monitor"});
  EXPECT_TRUE(Eventually([&] { return next("bind " + endpoint) == "ok " + endpoint; }));
  said.push_back("next " + next("events HANDSHAKE_SUCCEEDED 20000"));
  client("events HANDSHAKE_SUCCEEDED 20000");  // after as many attempts as there were
  // What the dead connection held goes back when its socket is used.
  EXPECT_TRUE(Eventually([&] {
    client("get " + std::to_string(ZMQ_EVENTS));
    return client.Links() == (kind.library == Library::kOurs ? 1 : 0);
  })) << client.Links()
      << " links";
  next.Do("unbind " + endpoint);
  said.push_back("next " + next("events CLOSED 20000"));
  said.push_back("client " + AwaitEvent(client, "DISCONNECTED", next));
  return said;
}

TEST(Monitors, SayTheSameAsWithTheDistributionsLibrary) {
  const auto stock_ipc = LifeOf({Library::kStock, "ipc"});
  EXPECT_EQ(LifeOf({Library::kOurs, "ipc"}), stock_ipc);
  EXPECT_EQ(LifeOf({Library::kOurs, "shm"}), stock_ipc);
  EXPECT_EQ(LifeOf({Library::kOurs, "tcp"}), LifeOf({Library::kStock, "tcp"}));
}

// ---- Properties of messages ------------------------------------------------------------------

// ZMQ_METADATA, of the draft API; the distribution's library knows it though its header does not.
constexpr int kMetadata = 95;

using Messages = Scenario;
INSTANTIATE_TEST_SUITE_P(All, Messages, ::testing::ValuesIn(kKinds), kNameOf);

TEST_P(Messages, MessagesTellOfTheirSender) {
  Program server(kind(), {"socket PULL"});
  Program client(kind(), {"socket PUSH", Option(kMetadata, "X-Shift:night")});
  client.ConnectTo(server);
  const auto property = [&](const std::string& name) {
    client.Do("text hello");
    return server("property " + name + kWait);
  };
  EXPECT_EQ(property("Socket-Type"), "text PUSH");
  EXPECT_EQ(property("X-Shift"), "text night");
  EXPECT_EQ(property("No-Such-Thing"), "text ");
  ExpectLink(server, client);
  const std::string credentials = std::to_string(getuid()) + ":" + std::to_string(getgid()) + ":" +
                                  std::to_string(client.pid());
  const bool tcp = kind().transport == std::string("tcp");
  const std::string address = property("Peer-Address");
  if (tcp) {
    EXPECT_EQ(address, "text 127.0.0.1");
  } else {
    EXPECT_NE(address.find(":" + credentials), std::string::npos) << address;
  }
}

// The kernel's word for who is at the other end of a shared connection, also where its address says
// nothing of that.
TEST_P(Messages, TheKernelSaysWhoTheSenderIs) {
  Program server(kind(), {"socket PULL"});
  Program client(kind(), {"socket PUSH", Option(kMetadata, "X-Samehost-Uid:4711"),
                          Option(kMetadata, "X-Samehost-Pid:1")});
  client.ConnectTo(server);
  ExpectLink(server, client);
  if (kind().library != Library::kOurs) return;
  for (const char* bytes : {"100", "20000", "3000000"}) {  // small, in a block, in pieces
    client.Tell(std::string("send 0 2 1 ") + bytes + kWait);
    EXPECT_EQ(server("property X-Samehost-Uid 20000"), "text " + std::to_string(getuid()));
    EXPECT_EQ(server("property X-Samehost-Pid 20000"), "text " + std::to_string(client.pid()));
    EXPECT_EQ(client.Answer(), "sent 2");
  }
}

// And nobody else may say so.
TEST(Metadata, APeerCannotClaimToBeSomebody) {
  for (const char* transport : {"ipc", "tcp"}) {
    Program server({Library::kOurs, transport}, {"socket PULL"});
    Program liar({Library::kStock, transport},
                 {"socket PUSH", Option(kMetadata, "X-Samehost-Uid:0"),
                  Option(kMetadata, "X-Samehost-Pid:1"), Option(kMetadata, "X-Other:word")});
    liar.ConnectTo(server);
    ASSERT_EQ(liar("send 0 3 1 100 20000"), "sent 3");
    EXPECT_EQ(server("property X-Samehost-Uid 20000"), "text ");
    EXPECT_EQ(server("property X-Samehost-Pid 20000"), "text ");
    EXPECT_EQ(server("property X-Other 20000"), "text word");
    EXPECT_EQ(server.Links(), 0);
  }
}

}  // namespace
}  // namespace samehost::zmq_transport
