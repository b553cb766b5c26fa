// Socket options and endpoints: each with our library over shared memory, and the same with the
// distribution's.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>
#include <zmq.h>

#include <cerrno>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

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

using Options = Scenario;
INSTANTIATE_TEST_SUITE_P(All, Options, ::testing::ValuesIn(kKinds), kNameOf);

// ---- Connecting and binding ------------------------------------------------------------------

TEST_P(Options, WhoConnectsFirstWaitsForWhoBinds) {
  const std::string endpoint = FreeEndpoint(kind().transport);
  Program client(kind(), {"socket DEALER", "connect " + endpoint});
  ASSERT_EQ(client("send 0 500 2 100 1000"), "sent 500");
  Program server(kind(), {"socket DEALER"});
  server.Bind(endpoint);
  EXPECT_EQ(server("recv 500" + std::string(kWait)), Got(500));
  EXPECT_EQ(server("send 0 500 2 100 20000"), "sent 500");
  EXPECT_EQ(client("recv 500" + std::string(kWait)), Got(500));
  ExpectLink(server, client);
}

TEST_P(Options, ImmediateQueuesNothingForWhoIsNotThere) {
  const std::string endpoint = FreeEndpoint(kind().transport);
  Program sender(kind(), {"socket PUSH", Option(ZMQ_IMMEDIATE, 1), "connect " + endpoint});
  EXPECT_EQ(sender("send 0 1 1 100 200"), "sent 0");
  Program receiver(kind(), {"socket PULL"});
  receiver.Bind(endpoint);
  EXPECT_EQ(sender("send 0 100 1 100 20000"), "sent 100");
  EXPECT_EQ(receiver("recv 100 20000"), Got(100));
  ExpectLink(sender, receiver);
}

TEST_P(Options, ImmediateLeavesOutWhoHasGone) {
  Program staying(kind(), {"socket PULL"}), leaving(kind(), {"socket PULL"});
  Program sender(kind(), {"socket PUSH", Option(ZMQ_IMMEDIATE, 1), "monitor"});
  sender.ConnectTo(staying);
  sender.ConnectTo(leaving);
  sender.AwaitHandshakes(2);
  sender.ExpectLinks(2);
  leaving.Kill();
  const std::string events = sender("events DISCONNECTED 20000");
  EXPECT_EQ(events.find("error"), std::string::npos) << events;
  // The socket is told a moment after the monitor; messages until then are lost, with stock as
  // well.
  EXPECT_TRUE(Eventually([&] {
    EXPECT_EQ(sender("send 500 2 1 100 20000"), "sent 2");
    return staying("recv 2 100") == Got(2, 500);
  }));
  EXPECT_EQ(sender("send 0 100 1 100 20000"), "sent 100");
  EXPECT_EQ(staying("recv 100 20000"), Got(100));
}

TEST_P(Options, WhoIsDisconnectedGetsNothingMore) {
  Program staying(kind(), {"socket PULL"}), leaving(kind(), {"socket PULL"});
  Program sender(kind(), {"socket PUSH", "monitor"});
  sender.ConnectTo(staying);
  const std::string endpoint = leaving.Bind();
  sender.Do("connect " + endpoint);
  sender.AwaitHandshakes(2);
  ASSERT_EQ(sender("send 0 10 1 100 20000"), "sent 10");
  EXPECT_EQ(staying("recv 5 20000").substr(0, 6), "got 5 ");
  EXPECT_EQ(leaving("recv 5 20000").substr(0, 6), "got 5 ");
  sender.ExpectLinks(2);
  sender.Do("disconnect " + endpoint);
  EXPECT_TRUE(Fails(sender("disconnect " + endpoint), ENOENT));
  ASSERT_EQ(sender("send 10 10 1 100 20000"), "sent 10");
  EXPECT_EQ(staying("recv 10 20000"), Got(10, 10));
  EXPECT_EQ(leaving("recv 1 200"), kNothing);
  // It may come back.
  sender.Do("connect " + endpoint);
  sender.AwaitHandshakes(1);
  ASSERT_EQ(sender("send 20 10 1 100 20000"), "sent 10");
  EXPECT_EQ(leaving("recv 5 20000").substr(0, 6), "got 5 ");
}

TEST_P(Options, WhatIsUnboundLetsNobodyIn) {
  Program server(kind(), {"socket PULL"}), other(kind(), {"socket PULL"});
  Program first(kind(), {"socket PUSH"}), second(kind(), {"socket PUSH"});
  const std::string endpoint = FreeEndpoint(kind().transport);
  server.Bind(endpoint);
  first.Do("connect " + endpoint);
  ASSERT_EQ(first("send 0 10 1 100 20000"), "sent 10");
  EXPECT_EQ(server("recv 10 20000"), Got(10));
  ExpectLink(first, server);
  server.Do("unbind " + endpoint);
  EXPECT_TRUE(Fails(server("unbind " + endpoint), ENOENT));
  second.Do("connect " + endpoint);
  ASSERT_EQ(second("send 0 10 1 100 20000"), "sent 10");
  EXPECT_EQ(server("recv 1 300"), kNothing);
  // Whoever binds to it now gets both.
  EXPECT_TRUE(Eventually([&] { return other("bind " + endpoint) == "ok " + endpoint; }));
  EXPECT_EQ(other("recv 10 20000"), Got(10));
  EXPECT_EQ(first("send 10 10 1 100 20000"), "sent 10");
  EXPECT_EQ(other("recv 10 20000"), Got(10, 10));
}

TEST_P(Options, TheLastEndpointIsToldToBothSides) {
  Program server(kind(), {"socket PULL"}), client(kind(), {"socket PUSH"});
  const std::string endpoint = server.Bind();
  EXPECT_EQ(endpoint.substr(0, 6), std::string(kind().transport) + "://");
  EXPECT_EQ(endpoint.find('*'), std::string::npos);
  client.Do("connect " + endpoint);
  const std::string last = std::to_string(ZMQ_LAST_ENDPOINT);
  EXPECT_EQ(server("getstr " + last), "value " + endpoint);
  EXPECT_EQ(client("getstr " + last), "value " + endpoint);
}

// ---- Lingering -------------------------------------------------------------------------------

TEST_P(Options, LingerSaysHowLongTheEndWaitsForWhoIsNotThere) {
  for (const char* linger : {"0", "200"}) {
    const std::string endpoint = FreeEndpoint(kind().transport);
    Program sender(kind(), {"socket PUSH", "connect " + endpoint});
    ASSERT_EQ(sender("send 0 10 1 100 1000"), "sent 10");
    EXPECT_EQ(sender(std::string("close ") + linger), "ok");
    EXPECT_EQ(sender("term"), "ok");
    Program receiver(kind(), {"socket PULL"});
    receiver.Bind(endpoint);
    EXPECT_EQ(receiver("recv 1 200"), kNothing);
  }
}

TEST_P(Options, LingeringForEverDeliversToWhoComesLater) {
  const std::string endpoint = FreeEndpoint(kind().transport);
  Program sender(kind(), {"socket PUSH", "connect " + endpoint});
  ASSERT_EQ(sender("send 0 10 1 100 1000"), "sent 10");
  EXPECT_EQ(sender("close -1"), "ok");
  sender.Tell("term");
  Program receiver(kind(), {"socket PULL"});
  receiver.Bind(endpoint);
  EXPECT_EQ(receiver("recv 10 20000"), Got(10));
  EXPECT_EQ(sender.Answer(), "ok");
}

// A receiver that is there and takes nothing: the end waits for it no longer than it is to.
TEST_P(Options, LingerEndsThoughTheReceiverTakesNothing) {
  for (const char* linger : {"0", "200"}) {
    Program receiver(kind(), {"socket PULL", Option(ZMQ_RCVHWM, 5)});
    Program sender(kind(), {"socket PUSH", Option(ZMQ_SNDHWM, 0)});
    sender.ConnectTo(receiver);
    ASSERT_EQ(sender("send 0 1 1 100 20000"), "sent 1");
    ASSERT_EQ(receiver("recv 1 20000"), Got(1));
    ExpectLink(sender, receiver);
    ASSERT_EQ(sender("send 0 30000 1 1000 20000"), "sent 30000");
    EXPECT_EQ(sender(std::string("close ") + linger), "ok");
    EXPECT_EQ(sender("term"), "ok");
    // What it gets after all is in order.
    const std::string got = receiver("recv 30000 300");
    EXPECT_EQ(got.find("torn"), std::string::npos) << got;
    EXPECT_NE(got.find(" first 0 "), std::string::npos) << got;
  }
}

// ---- Routers ---------------------------------------------------------------------------------

TEST_P(Options, ASecondOfTheSameNameIsLetInByHandoverOnly) {
  for (const bool handover : {false, true}) {
    Program router(kind(), {"socket ROUTER", Option(ZMQ_ROUTER_HANDOVER, handover ? 1 : 0)});
    const std::string endpoint = router.Bind();
    Program first(kind(), {"socket DEALER", Option(ZMQ_ROUTING_ID, "x"), "connect " + endpoint});
    first.Do("text first");
    ASSERT_EQ(router("gettext 20000"), "text x|first");
    ExpectLink(first, router);
    Program second(kind(), {"socket DEALER", Option(ZMQ_ROUTING_ID, "x"), "connect " + endpoint});
    second.Do("text second");
    if (handover) {
      EXPECT_EQ(router("gettext 20000"), "text x|second");
      EXPECT_EQ(router("textto x answer"), "ok");
      EXPECT_EQ(second("gettext 20000"), "text answer");
    } else {
      EXPECT_TRUE(Fails(router("gettext 300"), EAGAIN));
      EXPECT_EQ(router("textto x answer"), "ok");
      EXPECT_EQ(first("gettext 20000"), "text answer");
    }
  }
}

TEST_P(Options, AProbeTellsTheRouterWhoIsThere) {
  Program router(kind(), {"socket ROUTER", Option(ZMQ_ROUTER_MANDATORY, 1)});
  Program dealer(kind(),
                 {"socket DEALER", Option(ZMQ_PROBE_ROUTER, 1), Option(ZMQ_ROUTING_ID, "x")});
  dealer.ConnectTo(router);
  EXPECT_EQ(router("gettext 20000"), "text x|");
  EXPECT_EQ(router("textto x hello"), "ok");
  EXPECT_EQ(dealer("gettext 20000"), "text hello");
  ExpectLink(router, dealer);
}

TEST_P(Options, ARouterMayNameWhomItConnectsTo) {
  Program router(kind(), {"socket ROUTER", Option(ZMQ_ROUTER_MANDATORY, 1),
                          Option(ZMQ_CONNECT_ROUTING_ID, "peer")});
  Program dealer(kind(), {"socket DEALER"});
  router.ConnectTo(dealer);
  EXPECT_EQ(router("textto peer hello"), "ok");
  EXPECT_EQ(dealer("gettext 20000"), "text hello");
  dealer.Do("text answer");
  EXPECT_EQ(router("gettext 20000"), "text peer|answer");
  ExpectLink(router, dealer);
}

// ---- What a connection may cost --------------------------------------------------------------

TEST_P(Options, ConflateKeepsTheLast) {
  const std::string endpoint = FreeEndpoint(kind().transport);
  Program sender(kind(), {"socket PUSH", Option(ZMQ_CONFLATE, 1), "connect " + endpoint});
  ASSERT_EQ(sender("send 0 100 1 100 1000"), "sent 100");
  Program receiver(kind(), {"socket PULL", Option(ZMQ_CONFLATE, 1)});
  receiver.Bind(endpoint);
  EXPECT_EQ(receiver("recv 1 20000"), Got(1, 99));
  EXPECT_EQ(sender.Links() + receiver.Links(), 0);
}

TEST_P(Options, MessagesTooLargeEndTheirConnection) {
  Program server(kind(),
                 {"socket PULL", "set64 " + std::to_string(ZMQ_MAXMSGSIZE) + " 1000", "monitor"});
  Program client(kind(), {"socket PUSH"});
  client.ConnectTo(server);
  server.AwaitHandshakes(1);
  ASSERT_EQ(client("send 0 3 1 1000 20000"), "sent 3");
  EXPECT_EQ(server("recv 3 20000"), Got(3));
  ExpectLink(server, client);
  for (const char* bytes : {"1001", "100000", "5000000"}) {
    ASSERT_EQ(client(std::string("send 3 1 1 ") + bytes + kWait), "sent 1");
    EXPECT_EQ(server("recv 1 300"), kNothing) << bytes;
    EXPECT_EQ(server("events DISCONNECTED 20000"), "events DISCONNECTED") << bytes;
    server.AwaitHandshakes(1);
    // What it sends once it has noticed arrives.
    EXPECT_TRUE(Eventually([&] {
      client("send 10 1 1 1000 20000");
      return server("recv 1 100") == Got(1, 10);
    }));
    while (server("recv 1 100") != kNothing) continue;
  }
}

TEST_P(Options, HeartbeatsNoticeAPeerThatIsStopped) {
  Program server(kind(), {"socket PULL", Option(ZMQ_HEARTBEAT_IVL, 100),
                          Option(ZMQ_HEARTBEAT_TIMEOUT, 500), "monitor"});
  Program client(kind(), {"socket PUSH"});
  client.ConnectTo(server);
  ASSERT_EQ(client("send 0 3 1 100 20000"), "sent 3");
  EXPECT_EQ(server("recv 3 20000"), Got(3));
  ExpectLink(server, client);
  kill(client.pid(), SIGSTOP);
  const std::string events = server("events DISCONNECTED 20000");
  EXPECT_EQ(events.find("error"), std::string::npos) << events;
  kill(client.pid(), SIGCONT);
  EXPECT_TRUE(Eventually([&] {
    client("send 10 1 1 1000 20000");
    return server("recv 1 100") == Got(1, 10);
  }));
}

// A client that pings sees it too, and tells the other side for how long it may be silent.
TEST_P(Options, HeartbeatsOfTheClientNoticeAStoppedServer) {
  Program server(kind(), {"socket PULL"});
  Program client(kind(),
                 {"socket PUSH", Option(ZMQ_HEARTBEAT_IVL, 100), Option(ZMQ_HEARTBEAT_TIMEOUT, 500),
                  Option(ZMQ_HEARTBEAT_TTL, 500), "monitor"});
  client.ConnectTo(server);
  client.AwaitHandshakes(1);
  ASSERT_EQ(client("send 0 3 1 100 20000"), "sent 3");
  EXPECT_EQ(server("recv 3 20000"), Got(3));
  ExpectLink(server, client);
  kill(server.pid(), SIGSTOP);
  const std::string events = client("events DISCONNECTED 20000");
  EXPECT_EQ(events.find("error"), std::string::npos) << events;
  kill(server.pid(), SIGCONT);
  EXPECT_TRUE(Eventually([&] {
    client("send 10 1 1 1000 20000");
    return server("recv 1 100") == Got(1, 10);
  }));
}

TEST_P(Options, WithoutReconnectionNobodyComesBack) {
  const std::string endpoint = FreeEndpoint(kind().transport);
  auto server =
      std::make_unique<Program>(kind(), std::initializer_list<std::string>{"socket PULL"});
  server->Bind(endpoint);
  Program loyal(kind(), {"socket PUSH", "connect " + endpoint, "monitor"});
  Program leaving(kind(),
                  {"socket PUSH", Option(ZMQ_RECONNECT_IVL, -1), "monitor", "connect " + endpoint});
  leaving.AwaitHandshakes(1);
  server->ExpectLinks(2);
  server->Kill();
  EXPECT_EQ(leaving("events DISCONNECTED 20000"), "events DISCONNECTED");
  server = std::make_unique<Program>(kind(), std::initializer_list<std::string>{"socket PULL"});
  EXPECT_TRUE(Eventually([&] { return (*server)("bind " + endpoint) == "ok " + endpoint; }));
  EXPECT_TRUE(Eventually([&] {
    loyal("send 7 1 1 100 20000");
    return (*server)("recv 1 100") == Got(1, 7);
  }));
  leaving("send 9 1 1 100 200");
  EXPECT_TRUE(Fails(leaving("events CONNECTED 300").substr(7), EAGAIN));
  server->ExpectLinks(1);
}

TEST_P(Options, ReconnectionTakesItsTime) {
  Program client(kind(),
                 {"socket PUSH", Option(ZMQ_RECONNECT_IVL, 20), Option(ZMQ_RECONNECT_IVL_MAX, 160),
                  "monitor", "connect " + FreeEndpoint(kind().transport)});
  std::istringstream intervals(client("intervals 6 20000").substr(10));
  std::vector<int> times;
  for (int ms = 0; intervals >> ms;) times.push_back(ms);
  ASSERT_EQ(times.size(), 6u);
  // Twice as long each time up to the limit, and less than the first one longer by chance.
  const int least[] = {20, 20, 40, 80, 160, 160};
  for (size_t i = 0; i < times.size(); ++i) {
    EXPECT_GE(times[i], least[i] / 2) << i;
    EXPECT_LE(times[i], 180) << i;
  }
  EXPECT_GE(times.back(), 160);
}

}  // namespace
}  // namespace samehost::zmq_transport
