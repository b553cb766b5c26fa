// The messaging patterns between processes: who gets what, who is refused, and what happens to who
// cannot take it. Each with our library over shared memory, and the same with the distribution's.
#include <gtest/gtest.h>
#include <zmq.h>

#include <cerrno>
#include <map>
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
using testing::Got;
using testing::Kind;
using testing::kKinds;
using testing::kNameOf;
using testing::kNothing;
using testing::kWait;
using testing::Library;
using testing::NumberIn;
using testing::Option;
using testing::Program;
using testing::Scenario;

using Patterns = Scenario;
INSTANTIATE_TEST_SUITE_P(All, Patterns, ::testing::ValuesIn(kKinds), kNameOf);

// ---- Who gets what ---------------------------------------------------------------------------

TEST_P(Patterns, APairTalksBothWays) {
  Program a(kind(), {"socket PAIR"}), b(kind(), {"socket PAIR"});
  b.ConnectTo(a);
  for (Program* sender : {&a, &b}) {
    Program& receiver = sender == &a ? b : a;
    EXPECT_EQ((*sender)("send 0 500 2 100" + std::string(kWait)), "sent 500");
    EXPECT_EQ(receiver("recv 500" + std::string(kWait)), Got(500));
  }
  ExpectLink(a, b);
}

// Whoever comes next does not get the rest of a message that was meant for somebody else.
TEST_P(Patterns, AMessageOfWhichAPartIsLostIsLost) {
  for (const char* type : {"PUSH", "DEALER"}) {
    const std::string other = type == std::string("PUSH") ? "socket PULL" : "socket DEALER";
    Program sender(kind(), {std::string("socket ") + type, "monitor"}), next(kind(), {other});
    const std::string endpoint = sender.Bind();
    {
      Program first(kind(), {other, "connect " + endpoint});
      sender.AwaitHandshakes(1);
      sender.Do("text hello");
      ASSERT_EQ(first("gettext" + std::string(kWait)), "text hello");
      sender.Do("part beginning");
      first.Kill();
    }
    ASSERT_EQ(sender("events DISCONNECTED" + std::string(kWait)).find("error"), std::string::npos);
    next.Do("connect " + endpoint);
    sender.AwaitHandshakes(1);
    sender.Do("text end");
    sender.Do("text whole");
    EXPECT_EQ(next("gettext" + std::string(kWait)), "text whole") << type;
  }
}

TEST_P(Patterns, WhoAsksGetsTheAnswerAndNobodyElse) {
  for (const char* type : {"REQ", "DEALER"}) {
    Program server(kind(), {"socket ROUTER"});
    const std::string endpoint = server.Bind();
    Program clients[] = {Program(kind(), {std::string("socket ") + type}),
                         Program(kind(), {std::string("socket ") + type}),
                         Program(kind(), {std::string("socket ") + type})};
    for (Program& client : clients) client.Do("connect " + endpoint);
    for (uint64_t round = 0; round < 20; ++round) {
      for (uint64_t i = 0; i < 3; ++i) {
        ASSERT_EQ(clients[i]("send " + std::to_string(1000 * i + round) + " 1 1 50 20000"),
                  "sent 1");
      }
      ASSERT_EQ(server("echo 3 20000"), "echoed 3");
      for (uint64_t i = 0; i < 3; ++i) {
        ASSERT_EQ(clients[i]("recv 1 20000"), Got(1, 1000 * i + round)) << type;
      }
    }
    server.ExpectLinks(3);
  }
}

TEST_P(Patterns, RequestsAndRepliesKeepInStep) {
  Program server(kind(), {"socket REP"}), client(kind(), {"socket REQ"});
  client.ConnectTo(server);
  EXPECT_TRUE(Fails(server("text early"), EFSM));
  client.Do("text one");
  EXPECT_TRUE(Fails(client("text two"), EFSM));
  EXPECT_EQ(server("gettext 20000"), "text one");
  server.Do("text answer");
  EXPECT_EQ(client("gettext 20000"), "text answer");
  EXPECT_TRUE(Fails(client("gettext 0"), EFSM));
  ExpectLink(server, client);
}

TEST_P(Patterns, SubscribersGetWhatTheyHaveSubscribedTo) {
  Program publisher(kind(), {"socket XPUB"}), subscriber(kind(), {"socket SUB"});
  subscriber.ConnectTo(publisher);
  subscriber.Do(Option(ZMQ_SUBSCRIBE, "a."));
  EXPECT_EQ(publisher("gettext 20000"),
            "text \x01"
            "a.");
  for (const char* text : {"b.1", "a.1", "b.2", "a.2"}) publisher.Do(std::string("text ") + text);
  EXPECT_EQ(subscriber("gettext 20000"), "text a.1");
  EXPECT_EQ(subscriber("gettext 20000"), "text a.2");
  subscriber.Do(Option(ZMQ_UNSUBSCRIBE, "a."));
  EXPECT_EQ(publisher("gettext 20000"), std::string("text \0a.", 8));
  publisher.Do("text a.3");
  EXPECT_TRUE(Fails(subscriber("gettext 200"), EAGAIN));
  ExpectLink(publisher, subscriber);
}

TEST_P(Patterns, SubscriptionsOfXsubAreMessages) {
  Program publisher(kind(), {"socket XPUB"}), subscriber(kind(), {"socket XSUB"});
  subscriber.ConnectTo(publisher);
  subscriber.Do("text \x01x");
  EXPECT_EQ(publisher("gettext 20000"), "text \x01x");
  subscriber.Do("text hello");  // and so are messages to the publisher
  EXPECT_EQ(publisher("gettext 20000"), "text hello");
  publisher.Do("text xyz");
  EXPECT_EQ(subscriber("gettext 20000"), "text xyz");
  ExpectLink(publisher, subscriber);
}

TEST_P(Patterns, AVerbosePublisherSeesEverySubscription) {
  for (const bool verbose : {false, true}) {
    Program publisher(kind(), {"socket XPUB", Option(ZMQ_XPUB_VERBOSE, verbose ? 1 : 0)});
    Program first(kind(), {"socket SUB"}), second(kind(), {"socket SUB"});
    const std::string endpoint = publisher.Bind();
    first.Do("connect " + endpoint);
    first.Do(Option(ZMQ_SUBSCRIBE, "x"));
    EXPECT_EQ(publisher("gettext 20000"), "text \x01x");
    second.Do("connect " + endpoint);
    second.Do(Option(ZMQ_SUBSCRIBE, "x"));
    if (verbose) {
      EXPECT_EQ(publisher("gettext 20000"), "text \x01x");
    } else {
      EXPECT_TRUE(Fails(publisher("gettext 300"), EAGAIN));
    }
    publisher.ExpectLinks(2);
  }
}

TEST_P(Patterns, AVeryVerbosePublisherSeesTheirEndsToo) {
  const std::string subscribed("text \x01x"), cancelled("text \0x", 7);
  for (const int option : {ZMQ_XPUB_VERBOSE, ZMQ_XPUB_VERBOSER}) {
    Program publisher(kind(), {"socket XPUB", Option(option, 1)});
    Program first(kind(), {"socket SUB"}), second(kind(), {"socket SUB"});
    const std::string endpoint = publisher.Bind();
    for (Program* subscriber : {&first, &second}) {
      subscriber->Do("connect " + endpoint);
      subscriber->Do(Option(ZMQ_SUBSCRIBE, "x"));
      EXPECT_EQ(publisher("gettext 20000"), subscribed);
    }
    first.Do(Option(ZMQ_UNSUBSCRIBE, "x"));
    if (option == ZMQ_XPUB_VERBOSER) {
      EXPECT_EQ(publisher("gettext 20000"), cancelled);
    } else {
      EXPECT_TRUE(Fails(publisher("gettext 300"), EAGAIN));
    }
    second.Do(Option(ZMQ_UNSUBSCRIBE, "x"));
    EXPECT_EQ(publisher("gettext 20000"), cancelled);
    publisher.ExpectLinks(2);
  }
}

TEST_P(Patterns, APublisherMayDecideItself) {
  Program publisher(kind(), {"socket XPUB", Option(ZMQ_XPUB_MANUAL, 1)});
  Program subscriber(kind(), {"socket SUB"});
  subscriber.ConnectTo(publisher);
  subscriber.Do(Option(ZMQ_SUBSCRIBE, "a"));
  EXPECT_EQ(publisher("gettext 20000"),
            "text \x01"
            "a");
  publisher.Do(Option(ZMQ_SUBSCRIBE, "ab"));  // that one gets these and no others
  publisher.Do("text ac");
  publisher.Do("text ab");
  EXPECT_EQ(subscriber("gettext 20000"), "text ab");
  ExpectLink(publisher, subscriber);
}

// ---- Many ------------------------------------------------------------------------------------

constexpr int kMany = 40;
using Programs = std::vector<std::unique_ptr<Program>>;

TEST_P(Patterns, FortySubscribersAllGetEverything) {
  Program publisher(kind(), {"socket XPUB", Option(ZMQ_XPUB_VERBOSE, 1)});
  const std::string endpoint = publisher.Bind();
  Programs subscribers;
  for (int i = 0; i < kMany; ++i) {
    subscribers.push_back(std::make_unique<Program>(
        kind(), std::initializer_list<std::string>{"socket SUB", "connect " + endpoint,
                                                   Option(ZMQ_SUBSCRIBE, "")}));
  }
  for (int i = 0; i < kMany; ++i) ASSERT_EQ(publisher("gettext 20000"), "text \x01");
  publisher.ExpectLinks(kMany);
  for (auto& subscriber : subscribers) subscriber->Tell("recv 500 20000");
  EXPECT_EQ(publisher("send 0 500 2 100 20000"), "sent 500");
  for (auto& subscriber : subscribers) EXPECT_EQ(subscriber->Answer(), Got(500));
  // Each that leaves is missed by nobody.
  for (int i = 0; i < kMany; i += 2) subscribers[i]->Kill();
  publisher.Do("text first");
  EXPECT_EQ(publisher("send 500 100 1 100 20000"), "sent 100");
  for (int i = 1; i < kMany; i += 2) {
    EXPECT_EQ((*subscribers[i])("gettext 20000"), "text first");
    EXPECT_EQ((*subscribers[i])("recv 100 20000"), Got(100, 500));
  }
}

TEST_P(Patterns, FortyPushersAreAllHeard) {
  Program receiver(kind(), {"socket PULL"});
  const std::string endpoint = receiver.Bind();
  Programs senders;
  for (int i = 0; i < kMany; ++i) {
    senders.push_back(std::make_unique<Program>(
        kind(), std::initializer_list<std::string>{"socket PUSH", "connect " + endpoint}));
  }
  receiver.ExpectLinks(kMany);
  receiver.Tell("order " + std::to_string(kMany * 200) + kWait);
  for (int i = 0; i < kMany; ++i) {
    senders[i]->Tell("send " + std::to_string(i * 1000000) + " 200 1 100 20000");
  }
  for (auto& sender : senders) EXPECT_EQ(sender->Answer(), "sent 200");
  std::map<std::string, int> shares;
  std::istringstream order(receiver.Answer().substr(6));
  for (std::string word; order >> word;) ++shares[word];
  EXPECT_EQ(shares.size(), static_cast<size_t>(kMany));
  for (const auto& [sender, count] : shares) EXPECT_EQ(count, 200) << sender;
  // One at a time too: none is forgotten for having been silent for long.
  for (int i = 0; i < kMany; ++i) {
    ASSERT_EQ((*senders[i])("send 7 1 1 100 20000"), "sent 1");
    ASSERT_EQ(receiver("recv 1 20000"), Got(1, 7)) << i;
  }
}

// ---- Peers of all kinds at once --------------------------------------------------------------

// One socket with a peer in shared memory, one of the distribution's over ipc, and one over tcp.
struct Mixed {
  explicit Mixed(Library library, const char* type, const char* peers_type)
      : server({library, "ipc"}, {std::string("socket ") + type, "monitor"}),
        peers{Program({library, "ipc"}, {std::string("socket ") + peers_type}),
              Program({Library::kStock, "ipc"}, {std::string("socket ") + peers_type}),
              Program({Library::kStock, "tcp"}, {std::string("socket ") + peers_type})} {
    const bool ours = library == Library::kOurs;
    peers[0].Do("connect " + testing::Bind(server, ours ? "shm" : "ipc"));
    peers[1].Do("connect " + testing::Bind(server, "ipc"));
    peers[2].Do("connect " + testing::Bind(server, "tcp"));
    server.AwaitHandshakes(3);
    server.ExpectLinks(1);
    peers[0].ExpectLinks(1);
  }
  Program server;
  Program peers[3];
};

class MixedPeers : public ::testing::TestWithParam<Library> {};
INSTANTIATE_TEST_SUITE_P(All, MixedPeers, ::testing::Values(Library::kOurs, Library::kStock),
                         [](const auto& info) {
                           return info.param == Library::kOurs ? "ours" : "stock";
                         });

TEST_P(MixedPeers, AreServedInTurn) {
  for (const char* type : {"PUSH", "DEALER"}) {
    Mixed mixed(GetParam(), type, type == std::string("PUSH") ? "PULL" : "DEALER");
    ASSERT_EQ(mixed.server("send 0 300 1 100 20000"), "sent 300");
    for (Program& peer : mixed.peers) {
      const std::string got = peer("recv 100 20000");
      EXPECT_EQ(got.substr(0, 8), "got 100 ") << got;
      EXPECT_EQ(peer("recv 1 200"), kNothing);
    }
  }
}

// A steady stream from each: none of them keeps the others out, however fast it is.
TEST_P(MixedPeers, AreAllHeard) {
  for (const char* type : {"PULL", "DEALER"}) {
    Mixed mixed(GetParam(), type, type == std::string("PULL") ? "PUSH" : "DEALER");
    for (int i = 0; i < 3; ++i) {
      mixed.peers[i].Tell("send " + std::to_string(i * 1000000) + " 200000 1 100 20000");
    }
    std::istringstream order(mixed.server("order 300000 20000").substr(6));
    std::map<std::string, int> shares;
    for (std::string word; order >> word;) ++shares[word];
    EXPECT_EQ(shares.size(), 3u);
    for (const auto& [sender, count] : shares) EXPECT_GE(count, 5000) << type << " " << sender;
    EXPECT_EQ(mixed.server("order 300000 20000").find("error"), std::string::npos);
    for (Program& peer : mixed.peers) EXPECT_EQ(peer.Answer(), "sent 200000");
  }
}

// What comes in the mailbox is seen by a sender that never stops, too.
TEST_P(Patterns, ABusySenderSeesANewPeer) {
  for (const char* type : {"PUSH", "DEALER"}) {
    const std::string other = type == std::string("PUSH") ? "socket PULL" : "socket DEALER";
    Program sender(kind(), {std::string("socket ") + type});
    Program first(kind(), {other}), second(kind(), {other});
    const std::string endpoint = sender.Bind();
    first.Do("connect " + endpoint);
    const std::string without_end = std::to_string(1'000'000'000);
    sender.Tell("send 0 " + without_end + " 1 8" + kWait);
    ASSERT_EQ(first("recv 1000" + std::string(kWait)), Got(1000)) << type;
    first.Tell("recv " + without_end + kWait);
    second.Do("connect " + endpoint);
    EXPECT_EQ(second("recv 1000" + std::string(kWait)).substr(0, 9), "got 1000 ") << type;
  }
}

// ---- Without a peer, and when it is full -----------------------------------------------------

TEST_P(Patterns, WithoutAPeerEachTypeDoesAsItDoes) {
  for (const char* type : {"PUSH", "DEALER", "PAIR", "REQ"}) {
    Program alone(kind(), {std::string("socket ") + type});
    alone.Bind();
    EXPECT_TRUE(Fails(alone("try hello"), EAGAIN)) << type;
  }
  for (const char* type : {"PUB", "XPUB"}) {
    Program alone(kind(), {std::string("socket ") + type});
    alone.Bind();
    EXPECT_EQ(alone("send 0 10 1 10 1000"), "sent 10") << type;
  }
  Program router(kind(), {"socket ROUTER"});
  router.Bind();
  EXPECT_EQ(router("textto nobody hello"), "ok");
  router.Do(Option(ZMQ_ROUTER_MANDATORY, 1));
  EXPECT_TRUE(Fails(router("textto nobody hello"), EHOSTUNREACH));
}

constexpr uint64_t kTooMany = 100000;  // more than any buffer of a kernel holds
const std::string kSendTooMany = "send 0 " + std::to_string(kTooMany) + " 1 1000 300";

TEST_P(Patterns, AFullPeerStopsTheSenderAndLosesNothing) {
  for (const char* type : {"PUSH", "DEALER", "PAIR"}) {
    Program sender(kind(), {std::string("socket ") + type, Option(ZMQ_SNDHWM, 5)});
    Program receiver(kind(),
                     {type == std::string("PUSH") ? "socket PULL" : std::string("socket ") + type,
                      Option(ZMQ_RCVHWM, 5)});
    receiver.ConnectTo(sender);
    ASSERT_EQ(sender("send 0 1 1 100 20000"), "sent 1");
    ASSERT_EQ(receiver("recv 1 20000"), Got(1));
    ExpectLink(sender, receiver);
    const uint64_t sent = NumberIn(sender(kSendTooMany));
    EXPECT_GE(sent, 10u) << type;
    EXPECT_LT(sent, kTooMany) << type;
    EXPECT_TRUE(Fails(sender("try hello"), EAGAIN)) << type;
    EXPECT_EQ(receiver("recv " + std::to_string(sent) + kWait), Got(sent)) << type;
    // And goes on once there is room.
    sender.Do("text hello");
    EXPECT_EQ(receiver("gettext 20000"), "text hello") << type;
  }
}

TEST_P(Patterns, APublisherDropsWhatASubscriberCannotTake) {
  Program publisher(kind(), {"socket XPUB", Option(ZMQ_XPUB_VERBOSE, 1), Option(ZMQ_SNDHWM, 10)});
  Program slow(kind(), {"socket SUB", Option(ZMQ_RCVHWM, 10), Option(ZMQ_SUBSCRIBE, "")});
  slow.ConnectTo(publisher);
  ASSERT_EQ(publisher("gettext 20000"), "text \x01");
  ExpectLink(publisher, slow);
  EXPECT_EQ(publisher(kSendTooMany), "sent " + std::to_string(kTooMany));
  // What had room, from the first on.
  const std::string got = slow("recv " + std::to_string(kTooMany) + " 500");
  EXPECT_GE(NumberIn(got), 10u);
  EXPECT_LT(NumberIn(got), kTooMany);
  EXPECT_NE(got.find(" first 0 "), std::string::npos) << got;
  // It is a subscriber still.
  EXPECT_TRUE(Eventually([&] {
    publisher("text hello");
    return slow("gettext 100") == "text hello";
  }));
}

TEST_P(Patterns, APublisherThatMustNotDropStops) {
  Program publisher(kind(), {"socket XPUB", Option(ZMQ_XPUB_NODROP, 1), Option(ZMQ_SNDHWM, 10)});
  Program slow(kind(), {"socket SUB", Option(ZMQ_RCVHWM, 10), Option(ZMQ_SUBSCRIBE, "")});
  slow.ConnectTo(publisher);
  ASSERT_EQ(publisher("gettext 20000"), "text \x01");
  ExpectLink(publisher, slow);
  const uint64_t sent = NumberIn(publisher(kSendTooMany));
  EXPECT_GE(sent, 10u);
  EXPECT_LT(sent, kTooMany);
  EXPECT_EQ(slow("recv " + std::to_string(sent) + kWait), Got(sent));
  publisher.Do("text hello");
  EXPECT_EQ(slow("gettext 20000"), "text hello");
}

TEST_P(Patterns, ARouterDropsForWhoIsFullUnlessItMustNot) {
  for (const bool mandatory : {false, true}) {
    Program router(kind(), {"socket ROUTER", Option(ZMQ_ROUTER_MANDATORY, mandatory ? 1 : 0),
                            Option(ZMQ_SNDHWM, 5)});
    Program slow(kind(), {"socket DEALER", Option(ZMQ_ROUTING_ID, "slow"), Option(ZMQ_RCVHWM, 5)});
    slow.ConnectTo(router);
    slow.Do("text here");
    ASSERT_EQ(router("gettext 20000"), "text slow|here");
    ExpectLink(router, slow);
    uint64_t taken = 0;
    std::string answer;
    const std::string large(1000, 'x');
    for (; taken < 20000; ++taken) {
      answer = router("textto slow " + large);
      if (answer != "ok") break;
    }
    if (mandatory) {
      EXPECT_TRUE(Fails(answer, EAGAIN)) << answer;
      EXPECT_GE(taken, 5u);
    } else {
      EXPECT_EQ(taken, 20000u);
    }
    uint64_t got = 0;
    while (slow("gettext 300") == "text " + large) ++got;
    EXPECT_GE(got, 5u);
    if (mandatory) {
      EXPECT_EQ(got, taken);
    }
    EXPECT_TRUE(Eventually([&] {
      router("textto slow again");
      return slow("gettext 100") == "text again";
    }));
  }
}

}  // namespace
}  // namespace samehost::zmq_transport
