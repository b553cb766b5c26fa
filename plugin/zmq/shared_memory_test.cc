// What programs see of messages that go through shared memory: two processes, libzmq's C API.
#include <gtest/gtest.h>
#include <unistd.h>
#include <zmq.h>

#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "plugin/zmq/testing/eventually.h"
#include "plugin/zmq/testing/scenario.h"

namespace samehost::zmq_transport {
namespace {

using testing::Bind;
using testing::Count;
using testing::Eventually;
using testing::FreeEndpoint;
using testing::kBoth;
using testing::kWait;
using testing::Library;
using testing::Option;
using testing::PeerProcess;

struct Pair {
  const char* sender;
  const char* receiver;
};
constexpr Pair kPairs[] = {{"PUSH", "PULL"},     {"PAIR", "PAIR"}, {"PUB", "SUB"},
                           {"XPUB", "SUB"},      {"PUB", "XSUB"},  {"DEALER", "DEALER"},
                           {"DEALER", "ROUTER"}, {"REQ", "REP"},   {"REQ", "ROUTER"},
                           {"XPUB", "XSUB"}};

class Transports : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, Transports, ::testing::Values("shm", "ipc", "tcp"),
                         [](const auto& info) { return std::string(info.param); });

// Waits until `peer` has a link, and both have agreed on it.
void AwaitLink(PeerProcess& a, PeerProcess& b) {
  EXPECT_TRUE(Eventually([&] { return a.Links() > 0 && b.Links() > 0; }));
}

TEST_P(Transports, EverySizeInOrder) {
  PeerProcess receiver(Library::kOurs, kBoth), sender(Library::kOurs, kBoth);
  ASSERT_EQ(receiver("socket PULL"), "ok");
  ASSERT_EQ(sender("socket PUSH"), "ok");
  ASSERT_EQ(sender("connect " + Bind(receiver, GetParam())), "ok");
  AwaitLink(sender, receiver);
  uint64_t number = 0;
  for (size_t bytes :
       {size_t{8}, size_t{33}, size_t{34}, size_t{255}, size_t{4096}, size_t{16383}, size_t{16384},
        size_t{65536}, size_t{1} << 20, (size_t{1} << 20) + 1, size_t{64} << 20}) {
    const uint64_t count = bytes > (1 << 20) + 1 ? 2 : 20;
    sender.Tell("send " + std::to_string(number) + " " + std::to_string(count) + " 1 " +
                std::to_string(bytes) + kWait);
    EXPECT_EQ(receiver("recv " + std::to_string(count) + kWait), Count("got", count, number))
        << bytes << " bytes";
    EXPECT_EQ(sender.Answer(), "sent " + std::to_string(count));
    number += count;
  }
}

TEST_P(Transports, EmptyMessagesAndMultipart) {
  PeerProcess receiver(Library::kOurs, kBoth), sender(Library::kOurs, kBoth);
  ASSERT_EQ(receiver("socket PAIR"), "ok");
  ASSERT_EQ(sender("socket PAIR"), "ok");
  ASSERT_EQ(sender("connect " + Bind(receiver, GetParam())), "ok");
  AwaitLink(sender, receiver);
  EXPECT_EQ(sender("send 0 5 1 0" + std::string(kWait)), "sent 5");
  EXPECT_EQ(receiver("recv 5" + std::string(kWait)), Count("got", 5));
  for (const char* size : {"8", "1000", "20000", "300000"}) {
    sender.Tell(std::string("send 100 50 7 ") + size + kWait);
    EXPECT_EQ(receiver("recv 50" + std::string(kWait)), Count("got", 50, 100)) << size;
    EXPECT_EQ(sender.Answer(), "sent 50");
  }
}

// The receiver writes into what it has received: that is its own, and no copy that the sender
// keeps.
TEST_P(Transports, ACopyThatTheSenderKeepsStaysAsItIs) {
  PeerProcess receiver(Library::kOurs, kBoth), sender(Library::kOurs, kBoth);
  ASSERT_EQ(receiver("socket PULL"), "ok");
  ASSERT_EQ(sender("socket PUSH"), "ok");
  ASSERT_EQ(sender("connect " + Bind(receiver, GetParam())), "ok");
  AwaitLink(sender, receiver);
  for (int round = 0; round < 20; ++round) {
    const std::string number = std::to_string(round);
    for (const char* bytes : {"100", "5000", "70000", "2000000"}) {
      ASSERT_EQ(sender("keep " + number + " " + bytes), "ok");
      ASSERT_EQ(receiver("recv 1" + std::string(kWait)),
                Count("got", 1, static_cast<uint64_t>(round)));
      ASSERT_EQ(sender("kept " + number), "intact") << bytes;
      // Fills what the sender makes its messages of with something else.
      ASSERT_EQ(sender("send 7777 3 1 " + std::string(bytes) + kWait), "sent 3");
      ASSERT_EQ(receiver("recv 3" + std::string(kWait)), Count("got", 3, 7777));
    }
  }
}

TEST_P(Transports, ManySmallMessagesKeepTheirOrder) {
  PeerProcess receiver(Library::kOurs, kBoth), sender(Library::kOurs, kBoth);
  ASSERT_EQ(receiver("socket PULL"), "ok");
  ASSERT_EQ(sender("socket PUSH"), "ok");
  ASSERT_EQ(sender("connect " + Bind(receiver, GetParam())), "ok");
  for (int round = 0; round < 5; ++round) {
    const std::string first = std::to_string(round * 100000);
    sender.Tell("send " + first + " 100000 1 40" + kWait);
    EXPECT_EQ(receiver("recv 100000" + std::string(kWait)),
              Count("got", 100000, static_cast<uint64_t>(round) * 100000));
    EXPECT_EQ(sender.Answer(), "sent 100000");
  }
  EXPECT_GT(sender.Links(), 0);
}

TEST_P(Transports, MessagesSentBeforeTheConnectionStandsArrive) {
  PeerProcess receiver(Library::kOurs, kBoth), sender(Library::kOurs, kBoth);
  ASSERT_EQ(receiver("socket PULL"), "ok");
  ASSERT_EQ(sender("socket PUSH"), "ok");
  const std::string endpoint = FreeEndpoint(GetParam());
  ASSERT_EQ(sender("connect " + endpoint), "ok");
  ASSERT_EQ(sender("send 0 500 2 100 1000"), "sent 500");
  ASSERT_EQ(receiver("bind " + endpoint), "ok " + endpoint);
  EXPECT_EQ(receiver("recv 500" + std::string(kWait)), Count("got", 500));
  EXPECT_TRUE(Eventually([&] { return sender.Links() > 0; }));
}

class SocketTypes : public ::testing::TestWithParam<std::tuple<const char*, Pair>> {};
INSTANTIATE_TEST_SUITE_P(All, SocketTypes,
                         ::testing::Combine(::testing::Values("shm", "ipc", "tcp"),
                                            ::testing::ValuesIn(kPairs)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) + "_" +
                                  std::get<1>(info.param).sender + "_" +
                                  std::get<1>(info.param).receiver;
                         });

// One message to the connecting side.
TEST_P(SocketTypes, Talk) {
  const auto& [transport, pair] = GetParam();
  PeerProcess receiver(Library::kOurs, kBoth), sender(Library::kOurs, kBoth);
  ASSERT_EQ(receiver(std::string("socket ") + pair.receiver), "ok");
  ASSERT_EQ(sender(std::string("socket ") + pair.sender), "ok");
  if (pair.receiver == std::string("SUB")) {
    ASSERT_EQ(receiver("settext " + std::to_string(ZMQ_SUBSCRIBE) + " "), "ok");
  }
  ASSERT_EQ(receiver("connect " + Bind(sender, transport)), "ok");
  if (pair.receiver == std::string("XSUB")) {
    ASSERT_EQ(receiver("text \x01"), "ok");
  }
  AwaitLink(sender, receiver);
  const bool publishes = std::string(pair.sender).find("PUB") != std::string::npos;
  std::string got;
  bool sent = false;
  // What is published before the subscription arrives is lost, as ever.
  ASSERT_TRUE(Eventually([&] {
    if (!sent || publishes) sent = sender("text hello") == "ok";
    got = receiver(publishes ? "gettext 100" : "gettext 20000");
    return got.substr(0, 4) == "text";
  }));
  EXPECT_EQ(got.substr(got.size() - 5), "hello");
}

TEST(SharedMemory, RequestsAndReplies) {
  PeerProcess server(Library::kOurs, kBoth), client(Library::kOurs, kBoth);
  ASSERT_EQ(server("socket REP"), "ok");
  ASSERT_EQ(client("socket REQ"), "ok");
  ASSERT_EQ(client("connect " + Bind(server, "shm")), "ok");
  for (int round = 0; round < 200; ++round) {
    const std::string bytes = std::to_string(8 + round * 701);
    server.Tell("echo 1" + std::string(kWait));
    ASSERT_EQ(client("send " + std::to_string(round) + " 1 2 " + bytes + kWait), "sent 1");
    ASSERT_EQ(client("recv 1" + std::string(kWait)), Count("got", 1, static_cast<uint64_t>(round)));
    ASSERT_EQ(server.Answer(), "echoed 1");
  }
  EXPECT_GT(client.Links(), 0);
}

// ---- High-water marks ------------------------------------------------------------------------

class Marks : public ::testing::TestWithParam<std::tuple<int, int>> {};
INSTANTIATE_TEST_SUITE_P(All, Marks,
                         ::testing::Combine(::testing::Values(1, 10, 1000),
                                            ::testing::Values(1, 10, 1000)));

TEST_P(Marks, AtLeastTheSumOfBothIsTakenAndNotMuchMore) {
  const auto [send_mark, receive_mark] = GetParam();
  PeerProcess receiver, sender;
  ASSERT_EQ(receiver("socket PULL"), "ok");
  ASSERT_EQ(sender("socket PUSH"), "ok");
  ASSERT_EQ(receiver(Option(ZMQ_RCVHWM, receive_mark)), "ok");
  ASSERT_EQ(sender(Option(ZMQ_SNDHWM, send_mark)), "ok");
  ASSERT_EQ(sender("connect " + Bind(receiver, "shm")), "ok");
  ASSERT_EQ(sender("send 0 1 1 100 20000"), "sent 1");
  ASSERT_EQ(receiver("recv 1 20000"), Count("got", 1));
  AwaitLink(sender, receiver);
  const int sum = send_mark + receive_mark;
  // Each is sent when there is room; the wait is for none to come.
  const std::string answer = sender("send 1 100000 1 100 300");
  const int sent = std::stoi(answer.substr(5));
  EXPECT_GE(sent, sum);
  // Beyond large marks as many again may wait in the ring, as in a kernel's socket buffer.
  EXPECT_LE(sent, sum < 1000 ? sum + 1 : 4 * sum);
  // Room comes back, for as many as are taken.
  EXPECT_EQ(receiver("recv " + std::to_string(sent) + kWait), Count("got", sent, 1));
  EXPECT_EQ(sender("send " + std::to_string(sent + 1) + " " + std::to_string(sum) + " 1 100 20000"),
            "sent " + std::to_string(sum));
  EXPECT_EQ(receiver("recv " + std::to_string(sum) + kWait), Count("got", sum, sent + 1));
}

TEST(SharedMemory, NoMarkOnOneSideMeansNoBound) {
  PeerProcess receiver, sender;
  ASSERT_EQ(receiver("socket PULL"), "ok");
  ASSERT_EQ(sender("socket PUSH"), "ok");
  ASSERT_EQ(receiver(Option(ZMQ_RCVHWM, 0)), "ok");
  ASSERT_EQ(sender("connect " + Bind(receiver, "shm")), "ok");
  AwaitLink(sender, receiver);
  // Far more than fit into any ring.
  ASSERT_EQ(sender("send 0 50000 1 1000 20000"), "sent 50000");
  EXPECT_EQ(receiver("recv 50000" + std::string(kWait)), Count("got", 50000));
}

// ---- What keeps to the socket ----------------------------------------------------------------

TEST(SharedMemory, SwitchedOff) {
  PeerProcess receiver(Library::kOurs, {{"SAMEHOST", "off"}}), sender;
  ASSERT_EQ(receiver("socket PULL"), "ok");
  ASSERT_EQ(sender("socket PUSH"), "ok");
  ASSERT_EQ(sender("connect " + Bind(receiver, "ipc")), "ok");
  ASSERT_EQ(sender("send 0 100 1 100 20000"), "sent 100");
  EXPECT_EQ(receiver("recv 100" + std::string(kWait)), Count("got", 100));
  EXPECT_EQ(sender.Links() + receiver.Links(), 0);
}

// The connecting side does not find what the accepting side offers, or that side cannot offer
// anything.
TEST(SharedMemory, WithoutACommonDirectoryTheSocketCarriesBothDirections) {
  char other[] = "/tmp/samehost-zmq-test-XXXXXX";
  ASSERT_NE(mkdtemp(other), nullptr);
  for (const auto& servers : {std::string(other), std::string("/nonexistent/directory")}) {
    PeerProcess server(Library::kOurs, {{"SAMEHOST_DIR", servers}}), client(Library::kOurs);
    ASSERT_EQ(server("socket PAIR"), "ok");
    ASSERT_EQ(client("socket PAIR"), "ok");
    ASSERT_EQ(client("connect " + Bind(server, "ipc")), "ok");
    for (PeerProcess* sender : {&server, &client}) {
      EXPECT_EQ((*sender)("send 0 20 1 100" + std::string(kWait)), "sent 20");
      PeerProcess& receiver = sender == &server ? client : server;
      EXPECT_EQ(receiver("recv 20" + std::string(kWait)), Count("got", 20)) << servers;
    }
    EXPECT_EQ(server.Links() + client.Links(), 0);
  }
  std::filesystem::remove_all(other);
}

TEST(SharedMemory, TcpOnlyWhenAskedFor) {
  PeerProcess receiver, sender;
  ASSERT_EQ(receiver("socket PULL"), "ok");
  ASSERT_EQ(sender("socket PUSH"), "ok");
  ASSERT_EQ(sender("connect " + Bind(receiver, "tcp")), "ok");
  ASSERT_EQ(sender("send 0 100 1 100 20000"), "sent 100");
  EXPECT_EQ(receiver("recv 100" + std::string(kWait)), Count("got", 100));
  EXPECT_EQ(sender.Links() + receiver.Links(), 0);
}

TEST(SharedMemory, ConflateKeepsToTheSocket) {
  PeerProcess receiver, sender;
  ASSERT_EQ(receiver("socket PULL"), "ok");
  ASSERT_EQ(sender("socket PUSH"), "ok");
  ASSERT_EQ(receiver(Option(ZMQ_CONFLATE, 1)), "ok");
  ASSERT_EQ(sender("connect " + Bind(receiver, "ipc")), "ok");
  ASSERT_EQ(sender("send 0 10 1 100 20000"), "sent 10");
  EXPECT_EQ(receiver("recv 1 20000").substr(0, 5), "got 1");
  EXPECT_EQ(sender.Links() + receiver.Links(), 0);
}

TEST(SharedMemory, PlainUsesItAndWrongPasswordsAreRefused) {
  PeerProcess server, client, stranger, other;
  ASSERT_EQ(server("zap"), "ok");
  ASSERT_EQ(server("socket PULL"), "ok");
  ASSERT_EQ(server(Option(ZMQ_PLAIN_SERVER, 1)), "ok");
  const std::string endpoint = Bind(server, "ipc");
  for (PeerProcess* peer : {&client, &stranger}) {
    ASSERT_EQ((*peer)("socket PUSH"), "ok");
    ASSERT_EQ((*peer)("settext " + std::to_string(ZMQ_PLAIN_USERNAME) + " admin"), "ok");
    ASSERT_EQ((*peer)("settext " + std::to_string(ZMQ_PLAIN_PASSWORD) +
                      (peer == &client ? " secret" : " guess")),
              "ok");
    ASSERT_EQ((*peer)("connect " + endpoint), "ok");
  }
  // Another mechanism does not get in either.
  ASSERT_EQ(other("socket PUSH"), "ok");
  ASSERT_EQ(other("connect " + endpoint), "ok");
  ASSERT_EQ(stranger("send 500 1 1 100 1000"), "sent 1");
  ASSERT_EQ(other("send 600 1 1 100 1000"), "sent 1");
  ASSERT_EQ(client("send 0 100 1 100 20000"), "sent 100");
  EXPECT_EQ(server("recv 100" + std::string(kWait)), Count("got", 100));
  EXPECT_EQ(server("recv 1 300"), "got 0 first 0 last 0");
  EXPECT_EQ(client.Links(), 1);
  EXPECT_EQ(stranger.Links() + other.Links(), 0);
  ASSERT_EQ(client("text hello"), "ok");
  EXPECT_EQ(server("property User-Id 20000"), "text admin");
}

TEST(SharedMemory, ThePeersAddressIsToldAsEver) {
  PeerProcess server, client;
  ASSERT_EQ(server("socket PULL"), "ok");
  ASSERT_EQ(client("socket PUSH"), "ok");
  ASSERT_EQ(client("connect " + Bind(server, "ipc")), "ok");
  AwaitLink(client, server);
  ASSERT_EQ(client("text hello"), "ok");
  // libzmq's form for a unix socket: path (none), then uid, gid and pid.
  const std::string answer = server("property Peer-Address 20000");
  EXPECT_NE(answer.find(":" + std::to_string(client.pid())), std::string::npos) << answer;
  ASSERT_EQ(client("text hello"), "ok");
  EXPECT_EQ(server("property Socket-Type 20000"), "text PUSH");
}

TEST(SharedMemory, MessagesTooLargeEndTheirConnection) {
  PeerProcess server, client, other;
  ASSERT_EQ(server("socket PULL"), "ok");
  ASSERT_EQ(server("set64 " + std::to_string(ZMQ_MAXMSGSIZE) + " 1000"), "ok");
  const std::string endpoint = Bind(server, "shm");
  for (PeerProcess* peer : {&client, &other}) {
    ASSERT_EQ((*peer)("socket PUSH"), "ok");
    ASSERT_EQ((*peer)("connect " + endpoint), "ok");
    AwaitLink(*peer, server);
  }
  ASSERT_EQ(client("send 0 3 1 1000 20000"), "sent 3");
  EXPECT_EQ(server("recv 3" + std::string(kWait)), Count("got", 3));
  ASSERT_EQ(client("send 3 1 1 1001 20000"), "sent 1");
  EXPECT_EQ(server("recv 1 300"), "got 0 first 0 last 0");
  ASSERT_EQ(other("send 10 3 1 1000 20000"), "sent 3");
  EXPECT_EQ(server("recv 3" + std::string(kWait)), Count("got", 3, 10));
}

// ---- Stock peers -----------------------------------------------------------------------------

class StockPeers : public ::testing::TestWithParam<std::tuple<const char*, bool>> {};
INSTANTIATE_TEST_SUITE_P(All, StockPeers,
                         ::testing::Combine(::testing::Values("ipc", "tcp"), ::testing::Bool()),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) +
                                  (std::get<1>(info.param) ? "_stock_binds" : "_stock_connects");
                         });

TEST_P(StockPeers, AreServedOverTheSocketAtTheSameEndpointAndTime) {
  const auto& [transport, stock_binds] = GetParam();
  PeerProcess bound(stock_binds ? Library::kStock : Library::kOurs, kBoth);
  PeerProcess ours(Library::kOurs, kBoth), stock(Library::kStock, kBoth);
  ASSERT_EQ(bound("socket DEALER"), "ok");
  const std::string endpoint = Bind(bound, transport);
  for (PeerProcess* peer : {&ours, &stock}) {
    ASSERT_EQ((*peer)("socket DEALER"), "ok");
    ASSERT_EQ((*peer)("connect " + endpoint), "ok");
  }
  ASSERT_EQ(ours("send 0 1000 2 200 20000"), "sent 1000");
  EXPECT_EQ(bound("recv 1000" + std::string(kWait)), Count("got", 1000));
  ASSERT_EQ(stock("send 5000 1000 2 200 20000"), "sent 1000");
  EXPECT_EQ(bound("recv 1000" + std::string(kWait)), Count("got", 1000, 5000));
  // And back, to both in turn.
  ASSERT_EQ(bound("send 0 100 1 200 20000"), "sent 100");
  EXPECT_EQ(ours("recv 50" + std::string(kWait)).substr(0, 7), "got 50 ");
  EXPECT_EQ(stock("recv 50" + std::string(kWait)).substr(0, 7), "got 50 ");
  EXPECT_EQ(stock.Links(), 0);
  EXPECT_EQ(ours.Links() > 0, !stock_binds);
}

}  // namespace
}  // namespace samehost::zmq_transport
