// Waiting for several sockets at once, proxies, and threads: each with our library over shared
// memory, and the same with the distribution's.
#include <gtest/gtest.h>
#include <zmq.h>

#include <cerrno>
#include <string>

#include "plugin/zmq/testing/eventually.h"
#include "plugin/zmq/testing/scenario.h"

namespace samehost::zmq_transport {
namespace {

using testing::Eventually;
using testing::Fails;
using testing::Got;
using testing::Kind;
using testing::kKinds;
using testing::kNameOf;
using testing::kWait;
using testing::Library;
using testing::NumberIn;
using testing::Option;
using testing::Program;
using testing::Scenario;

using Polling = Scenario;
INSTANTIATE_TEST_SUITE_P(All, Polling, ::testing::ValuesIn(kKinds), kNameOf);

// ---- zmq_poll and ZMQ_FD ---------------------------------------------------------------------

TEST_P(Polling, TellsWhichSocketsHaveSomething) {
  Program server(kind()), sender(kind());
  for (const char* name : {"a", "b", "c"}) {
    server.Do(std::string("use ") + name);
    server.Do("socket PULL");
    sender.Do(std::string("use ") + name);
    sender.Do("socket PUSH");
    sender.ConnectTo(server);
  }
  server.ExpectLinks(3);
  EXPECT_EQ(server("poll in 0 a b c"), "ready");
  EXPECT_EQ(server("poll in 200 a b c"), "ready");
  for (int round = 0; round < 50; ++round) {
    for (const char* name : {"a", "b", "c"}) {
      const std::string use = std::string("use ") + name;
      sender.Do(use);
      server.Do(use);
      server.Tell("poll in 20000 a b c");
      sender.Do("text hello");
      ASSERT_EQ(server.Answer(), std::string("ready ") + name);
      ASSERT_EQ(server("gettext 0"), "text hello");
      ASSERT_EQ(server("poll in 0 a b c"), "ready");
    }
  }
}

TEST_P(Polling, TellsWhenThereIsRoom) {
  Program receiver(kind(), {"socket PULL", Option(ZMQ_RCVHWM, 5)});
  Program sender(kind(), {"socket PUSH", Option(ZMQ_SNDHWM, 5)});
  EXPECT_EQ(sender("poll out 100 first"), "ready");
  sender.ConnectTo(receiver);
  EXPECT_EQ(sender("poll out 20000 first"), "ready first");
  EXPECT_EQ(sender("send 0 1 1 1000 20000"), "sent 1");
  EXPECT_EQ(receiver("recv 1 20000"), Got(1));
  ExpectLink(sender, receiver);
  const uint64_t sent = NumberIn(sender("send 0 100000 1 1000 300"));
  EXPECT_LT(sent, 100000u);
  EXPECT_EQ(sender("poll out 100 first"), "ready");
  sender.Tell("poll out 20000 first");
  EXPECT_EQ(receiver("recv " + std::to_string(sent) + kWait), Got(sent));
  EXPECT_EQ(sender.Answer(), "ready first");
  sender.Do("try hello");
}

TEST_P(Polling, OverPeersOfAllKinds) {
  Program server(kind());
  Program senders[] = {Program(kind(), {"socket PUSH"}),
                       Program({Library::kStock, "ipc"}, {"socket PUSH"}),
                       Program({Library::kStock, "tcp"}, {"socket PUSH"})};
  const char* transports[] = {kind().transport, "ipc", "tcp"};
  const char* names[] = {"a", "b", "c"};
  for (int i = 0; i < 3; ++i) {
    server.Do(std::string("use ") + names[i]);
    server.Do("socket PULL");
    senders[i].Do("connect " + testing::Bind(server, transports[i]));
  }
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 3; ++i) {
      server.Do(std::string("use ") + names[i]);
      server.Tell("poll in 20000 a b c");
      senders[i].Do("text hello");
      ASSERT_EQ(server.Answer(), std::string("ready ") + names[i]);
      ASSERT_EQ(server("gettext 0"), "text hello");
    }
  }
  server.ExpectLinks(1);
}

const std::string kGetEvents = "get " + std::to_string(ZMQ_EVENTS);

// The descriptor tells of a change, and ZMQ_EVENTS of the state: as the manual says.
TEST_P(Polling, TheDescriptorTellsOfWhatIsNew) {
  Program receiver(kind(), {"socket PULL"}), sender(kind(), {"socket PUSH"});
  sender.ConnectTo(receiver);
  sender.Do("text first");
  EXPECT_EQ(receiver("gettext 20000"), "text first");
  ExpectLink(sender, receiver);
  for (int round = 0; round < 50; ++round) {
    ASSERT_EQ(receiver(kGetEvents), "value 0");
    if (round < 5) {
      EXPECT_EQ(receiver("fdwait 50"), "quiet");
    }
    receiver.Tell("fdwait 20000");
    sender.Do("text hello");
    ASSERT_EQ(receiver.Answer(), "readable");
    ASSERT_TRUE(Eventually([&] { return receiver(kGetEvents) == "value 1"; }));
    // What is there is told of again and again by ZMQ_EVENTS.
    ASSERT_EQ(receiver(kGetEvents), "value 1");
    ASSERT_EQ(receiver("gettext 0"), "text hello");
  }
}

// Whoever is told EAGAIN and goes to poll the descriptor misses nothing that came in between.
TEST_P(Polling, NothingIsMissedByWhoWaitsForTheDescriptor) {
  Program receiver(kind(), {"socket PULL"}), sender(kind(), {"socket PUSH"});
  sender.ConnectTo(receiver);
  for (const char* bytes : {"100", "1000"}) {
    sender.Tell(std::string("send 0 50000 1 ") + bytes + kWait);
    EXPECT_EQ(receiver("fdrecv 50000 20000"), Got(50000));
    EXPECT_EQ(sender.Answer(), "sent 50000");
  }
  // One at a time, so that the receiver sleeps before each.
  for (uint64_t i = 0; i < 500; ++i) {
    receiver.Tell("fdrecv 1 20000");
    ASSERT_EQ(sender("send " + std::to_string(i) + " 1 1 100 20000"), "sent 1");
    ASSERT_EQ(receiver.Answer(), Got(1, i));
  }
  ExpectLink(sender, receiver);
}

// ---- Proxies ---------------------------------------------------------------------------------

// Two sockets, bound; the endpoints are given.
struct Ends {
  Ends(Program& proxy, const char* front_type, const char* back_type) {
    proxy.Do("use front");
    proxy.Do(std::string("socket ") + front_type);
    front = proxy.Bind();
    proxy.Do("use back");
    proxy.Do(std::string("socket ") + back_type);
    back = proxy.Bind();
  }
  std::string front, back;
};

TEST_P(Polling, AProxyPassesRequestsAndReplies) {
  Program proxy(kind());
  const Ends ends(proxy, "ROUTER", "DEALER");
  proxy.Do("plainproxy front back");
  Program workers[] = {Program(kind(), {"socket REP", "connect " + ends.back}),
                       Program(kind(), {"socket REP", "connect " + ends.back})};
  Program clients[] = {Program(kind(), {"socket REQ", "connect " + ends.front}),
                       Program(kind(), {"socket REQ", "connect " + ends.front})};
  proxy.ExpectLinks(4);
  for (Program& worker : workers) worker.Tell("echo 1000 20000");
  for (uint64_t round = 0; round < 100; ++round) {
    for (uint64_t i = 0; i < 2; ++i) {
      const std::string bytes = round % 10 == 0 ? "100000" : "100";
      ASSERT_EQ(clients[i]("send " + std::to_string(round + i * 1000) + " 1 2 " + bytes + kWait),
                "sent 1");
    }
    for (uint64_t i = 0; i < 2; ++i) {
      ASSERT_EQ(clients[i]("recv 1 20000"), Got(1, round + i * 1000));
    }
  }
}

TEST_P(Polling, AProxyPassesSubscriptionsAndWhatIsPublished) {
  Program proxy(kind());
  const Ends ends(proxy, "XSUB", "XPUB");
  proxy.Do("plainproxy front back");
  Program publisher(kind(), {"socket XPUB", "connect " + ends.front});
  Program subscriber(kind(), {"socket SUB", "connect " + ends.back, Option(ZMQ_SUBSCRIBE, "a")});
  EXPECT_EQ(publisher("gettext 20000"),
            "text \x01"
            "a");
  proxy.ExpectLinks(2);
  for (const char* text : {"b1", "a1", "a2"}) publisher.Do(std::string("text ") + text);
  EXPECT_EQ(subscriber("gettext 20000"), "text a1");
  EXPECT_EQ(subscriber("gettext 20000"), "text a2");
}

TEST_P(Polling, AProxyCanBeSteered) {
  Program proxy(kind());
  const Ends ends(proxy, "PULL", "PUSH");
  proxy.Do("proxy front back");
  Program sender(kind(), {"socket PUSH", "connect " + ends.front});
  Program receiver(kind(), {"socket PULL", "connect " + ends.back});
  proxy.ExpectLinks(2);
  sender.Tell("send 0 20000 2 100 20000");
  EXPECT_EQ(receiver("recv 20000 20000"), Got(20000));
  EXPECT_EQ(sender.Answer(), "sent 20000");
  proxy.Do("steer PAUSE");
  // It may have taken one more before it looked.
  ASSERT_TRUE(Eventually([&] {
    sender("send 7 1 1 100 20000");
    return receiver("recv 1 300") != Got(1, 7);
  }));
  ASSERT_EQ(sender("send 100 5 1 100 20000"), "sent 5");
  EXPECT_EQ(receiver("recv 1 300"), testing::kNothing);
  proxy.Do("steer RESUME");
  EXPECT_EQ(receiver("recv 1 20000"), Got(1, 7));
  EXPECT_EQ(receiver("recv 5 20000"), Got(5, 100));
  proxy.Do("steer TERMINATE");
  EXPECT_EQ(proxy("proxied"), "proxied 0");
  EXPECT_EQ(proxy("term"), "ok");
}

TEST_P(Polling, AProxyCountsWhatItHasForwarded) {
  Program proxy(kind());
  const Ends ends(proxy, "ROUTER", "DEALER");
  proxy.Do("proxy front back");
  Program worker(kind(), {"socket REP", "connect " + ends.back});
  Program client(kind(), {"socket REQ", "connect " + ends.front});
  proxy.ExpectLinks(2);
  const std::string before = proxy("statistics");
  const bool parts = before == "counted_parts 0 0 0 0 0 0 0 0";
  EXPECT_TRUE(parts || before == "counted 0 0 0 0 0 0 0 0") << before;
  for (int i = 0; i < 20; ++i) {
    client.Do("text question");
    ASSERT_EQ(worker("gettext 20000"), "text question");
    worker.Do("text answer");
    ASSERT_EQ(client("gettext 20000"), "text answer");
  }
  // With the name of who asks, of five bytes, and an empty part before each.
  EXPECT_EQ(proxy("statistics"), parts ? "counted_parts 60 260 60 220 60 220 60 260"
                                       : "counted 20 260 20 220 20 220 20 260");
  proxy.Do("steer TERMINATE");
  EXPECT_EQ(proxy("proxied"), "proxied 0");
  EXPECT_EQ(proxy("term"), "ok");
}

TEST_P(Polling, AProxyEndsWithItsContext) {
  Program proxy(kind());
  const Ends ends(proxy, "PULL", "PUSH");
  proxy.Do("plainproxy front back");
  Program sender(kind(), {"socket PUSH", "connect " + ends.front});
  Program receiver(kind(), {"socket PULL", "connect " + ends.back});
  ASSERT_EQ(sender("send 0 100 1 100 20000"), "sent 100");
  EXPECT_EQ(receiver("recv 100 20000"), Got(100));
  proxy.ExpectLinks(2);
  EXPECT_EQ(proxy("term"), "ok");
  EXPECT_EQ(proxy("proxied"), "proxied -1");
}

// ---- Threads ---------------------------------------------------------------------------------

TEST_P(Polling, ThreadsWithSocketsOfTheirOwn) {
  Program server(kind(), {"ctxset " + std::to_string(ZMQ_IO_THREADS) + " 3", "socket ROUTER"});
  Program clients(kind(), {"ctxset " + std::to_string(ZMQ_IO_THREADS) + " 3"});
  const std::string endpoint = server.Bind();
  server.Tell("echo 6000 20000");
  EXPECT_EQ(clients("workers 12 " + endpoint + " 500"), "worked 12");
  EXPECT_EQ(server.Answer(), "echoed 6000");
  // Each had a connection of its own, and all are gone with their sockets.
  Program last(kind(), {"socket DEALER", "connect " + endpoint, "text hello"});
  EXPECT_EQ(server("echo 1 20000"), "echoed 1");
  EXPECT_EQ(last("gettext 20000"), "text hello");
  EXPECT_TRUE(Eventually([&] {
    server("recv 1 1");
    return server.Links() == last.Links();
  }));
  last.ExpectLinks(1);
}

TEST_P(Polling, ASocketMovesFromThreadToThread) {
  Program a(kind(), {"socket PAIR"}), b(kind(), {"socket PAIR"});
  b.ConnectTo(a);
  for (uint64_t round = 0; round < 50; ++round) {
    const std::string first = std::to_string(round * 100);
    const std::string moved = round % 2 == 0 ? "elsewhere " : "";
    ASSERT_EQ(a(moved + "send " + first + " 100 1 500 20000"), "sent 100");
    ASSERT_EQ(b((round % 3 == 0 ? "elsewhere " : "") + std::string("recv 100 20000")),
              Got(100, round * 100));
    ASSERT_EQ(b(moved + "send " + first + " 10 2 30000 20000"), "sent 10");
    ASSERT_EQ(a("elsewhere recv 10 20000"), Got(10, round * 100));
  }
  ExpectLink(a, b);
}

// Whoever waits in a call when the context ends is told so.
TEST_P(Polling, TheEndOfTheContextEndsEveryCall) {
  Program server(kind(), {"socket PULL", Option(ZMQ_RCVHWM, 5)});
  Program sender(kind(), {"socket PUSH", Option(ZMQ_SNDHWM, 5), Option(ZMQ_LINGER, 0)});
  sender.ConnectTo(server);
  ASSERT_EQ(sender("send 0 1 1 100 20000"), "sent 1");
  ASSERT_EQ(server("recv 1 20000"), Got(1));
  ExpectLink(sender, server);
  server.Do("spawn recv 1 -1;close 0");
  EXPECT_EQ(server("term"), "ok");
  EXPECT_EQ(server("join").substr(0, 6), "got 0 ");
  sender.Do("spawn send 0 1000000 1 1000 -1;close 0");
  EXPECT_EQ(sender("term"), "ok");
  EXPECT_TRUE(Fails(sender("join"), ETERM));
}

}  // namespace
}  // namespace samehost::zmq_transport
