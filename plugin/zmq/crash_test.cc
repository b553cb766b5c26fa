// A peer that is killed (SIGKILL) at any moment: whoever is left goes on, reconnects, and gets no
// message twice and none torn.
#include <gtest/gtest.h>
#include <unistd.h>
#include <zmq.h>

#include <string>

#include "plugin/zmq/testing/eventually.h"
#include "plugin/zmq/testing/peer_process.h"

namespace samehost::zmq_transport {
namespace {

using testing::Eventually;
using testing::Library;
using testing::PeerProcess;
using testing::Unique;

uint64_t Word(const std::string& answer, int index) {
  size_t at = 0;
  for (int i = 0; i < index; ++i) at = answer.find(' ', at) + 1;
  return std::stoull(answer.substr(at));
}

TEST(Crash, AReceiverThatIsKilledWhileItReceivesIsReplaced) {
  const std::string name = Unique("receiver");
  PeerProcess sender;
  ASSERT_EQ(sender("socket PUSH"), "ok");
  ASSERT_EQ(sender("connect " + name), "ok");
  uint64_t first = 0, expected = 0;
  for (int round = 0; round < 20; ++round) {
    PeerProcess receiver;
    ASSERT_EQ(receiver("socket PULL"), "ok");
    ASSERT_EQ(receiver("bind " + name), "ok " + name) << round;
    sender.Tell("send " + std::to_string(first) + " 3000 2 1000 20000");
    // All that it gets is in order and none of it has been got before.
    const std::string got = receiver("recv 500 20000");
    ASSERT_EQ(got.substr(0, 8), "got 500 ") << got;
    ASSERT_GE(Word(got, 3), expected) << got;
    expected = Word(got, 5) + 1;
    receiver.Tell("recv 100000 20000");  // and is killed in the middle of it
    receiver.Kill();
    // The sender is not held up by it for longer than by its high-water mark.
    PeerProcess drain;
    ASSERT_EQ(drain("socket PULL"), "ok");
    ASSERT_EQ(drain("bind " + name), "ok " + name) << round;
    drain.Tell("recv 100000 500");
    ASSERT_EQ(sender.Answer(), "sent 3000") << round;
    const std::string rest = drain.Answer();
    ASSERT_EQ(rest.find("torn"), std::string::npos) << rest;
    if (Word(rest, 1) > 0) {
      ASSERT_GE(Word(rest, 3), expected) << rest;
      expected = Word(rest, 5) + 1;
    }
    first += 3000;
  }
}

TEST(Crash, ASenderThatIsKilledLeavesWholeMessagesOnly) {
  PeerProcess receiver;
  ASSERT_EQ(receiver("socket PULL"), "ok");
  const std::string name = receiver("bind shm://*").substr(3);
  for (int round = 0; round < 20; ++round) {
    PeerProcess sender;
    ASSERT_EQ(sender("socket PUSH"), "ok");
    ASSERT_EQ(sender("connect " + name), "ok");
    sender.Tell("send 0 100000000 3 " + std::to_string(round % 2 == 0 ? 100 : 30000) + " 20000");
    const std::string got = receiver("recv 200 20000");
    EXPECT_EQ(got, "got 200 first 0 last 199");
    sender.Kill();
    // What had been sent may still come, in order and whole.
    const std::string rest = receiver("recv 1000000 300");
    EXPECT_EQ(rest.find("torn"), std::string::npos) << rest;
    if (Word(rest, 1) > 0) {
      EXPECT_EQ(Word(rest, 3), 200u) << rest;
      EXPECT_EQ(Word(rest, 5), 199 + Word(rest, 1)) << rest;
    }
  }
  EXPECT_TRUE(Eventually([&] {
    receiver("recv 1 1");
    return receiver.Links() == 0;
  }));
}

// One that leaves properly, one that is killed when it has been heard, and one that is killed while
// it connects.
TEST(Crash, NothingIsLeftBehindAfterAThousandConnections) {
  PeerProcess server;
  ASSERT_EQ(server("socket PULL"), "ok");
  const std::string name = server("bind shm://*").substr(3);
  int before = 0;
  // A socket's own thread lets go of what has ended, when it next looks at its socket.
  const auto links = [&] {
    server("recv 1000 1");
    return server.Links();
  };
  for (int round = 0; round < 1000; ++round) {
    PeerProcess client;
    ASSERT_EQ(client("socket PUSH"), "ok");
    ASSERT_EQ(client("connect " + name), "ok");
    if (round % 3 == 2) {
      usleep(static_cast<useconds_t>(round * 2));
      client.Kill();
      continue;
    }
    ASSERT_EQ(client("send 0 3 1 100 20000"), "sent 3");
    ASSERT_EQ(server("recv 3 20000"), "got 3 first 0 last 2");
    if (round % 3 == 0) {
      ASSERT_EQ(client("close -1"), "ok");
      ASSERT_EQ(client("term"), "ok");
    }
    client.Kill();
    if (round == 9) {
      ASSERT_TRUE(Eventually([&] { return links() == 0; }));
      before = server.Descriptors();
    }
  }
  EXPECT_TRUE(Eventually([&] { return links() == 0 && server.Descriptors() <= before; }))
      << server.Descriptors() << " descriptors, before " << before;
}

TEST(Crash, ClosingAndEndingDoNotWaitForADeadPeer) {
  for (const char* linger : {"0", "100", "-1"}) {
    PeerProcess server, client;
    ASSERT_EQ(server("socket PULL"), "ok");
    const std::string name = server("bind shm://*").substr(3);
    ASSERT_EQ(client("socket PUSH"), "ok");
    ASSERT_EQ(client("connect " + name), "ok");
    ASSERT_EQ(client("send 0 3 1 100 20000"), "sent 3");
    ASSERT_EQ(server("recv 3 20000"), "got 3 first 0 last 2");
    // Without a limit libzmq waits for ever for what is not sent, so there all has been received.
    if (linger[0] != '-') {
      ASSERT_EQ(client("send 3 500 1 1000 20000"), "sent 500");
    }
    server.Kill();
    ASSERT_EQ(client(std::string("close ") + linger), "ok");
    ASSERT_EQ(client("term"), "ok");
  }
}

TEST(Crash, LingerDeliversWhatWasSentBeforeTheEnd) {
  PeerProcess server, client;
  ASSERT_EQ(server("socket PULL"), "ok");
  const std::string name = server("bind shm://*").substr(3);
  ASSERT_EQ(client("socket PUSH"), "ok");
  ASSERT_EQ(client("connect " + name), "ok");
  // More than fit into the ring, so the I/O thread has some of it when the socket is closed.
  ASSERT_EQ(client("send 0 1500 1 20000 20000"), "sent 1500");
  ASSERT_EQ(client("close -1"), "ok");
  client.Tell("term");
  EXPECT_EQ(server("recv 1500 20000"), "got 1500 first 0 last 1499");
  EXPECT_EQ(client.Answer(), "ok");
}

// The client is gone, its link closed, before the server has so much as seen the link.
TEST(Crash, WhatAClientSentJustBeforeItLeftIsRead) {
  PeerProcess server;
  ASSERT_EQ(server("socket PULL"), "ok");
  const std::string name = server("bind shm://*").substr(3);
  for (int round = 0; round < 100; ++round) {
    PeerProcess client;
    for (const std::string& command :
         {std::string("socket PUSH"), "connect " + name, std::string("send 0 5 1 100 20000"),
          std::string("close -1"), std::string("term"), std::string("quit")}) {
      client.Tell(command);
    }
    ASSERT_EQ(server("recv 5 20000"), "got 5 first 0 last 4") << round;
  }
}

}  // namespace
}  // namespace samehost::zmq_transport
