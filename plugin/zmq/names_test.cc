// shm:// names: which there are, whose they are, and when they are taken.
#include <gtest/gtest.h>
#include <unistd.h>
#include <zmq.h>

#include <cerrno>
#include <string>

#include "plugin/zmq/testing/eventually.h"
#include "plugin/zmq/testing/scenario.h"

namespace samehost::zmq_transport {
namespace {

using testing::Fails;
using testing::Library;
using testing::PeerProcess;
using testing::Unique;

TEST(Names, OursHasShmAndTheDistributionsLibraryHasNot) {
  PeerProcess ours, stock(Library::kStock);
  EXPECT_EQ(ours("has shm"), "1");
  EXPECT_EQ(stock("has shm"), "0");
  for (const char* what : {"ipc", "pgm", "tipc", "norm", "curve", "gssapi", "vmci", "draft", "WS",
                           "WSS", "nonsense"}) {
    EXPECT_EQ(ours(std::string("has ") + what), stock(std::string("has ") + what)) << what;
  }
}

TEST(Names, TheLastEndpointIsTheName) {
  PeerProcess peer;
  ASSERT_EQ(peer("socket PULL"), "ok");
  const std::string name = Unique("last");
  EXPECT_EQ(peer("bind " + name), "ok " + name);
  EXPECT_EQ(peer("unbind " + name), "ok");
  // The I/O thread closes the listener a moment later.
  EXPECT_TRUE(testing::Eventually([&] { return peer("bind " + name) == "ok " + name; }));
}

TEST(Names, WildcardsMakeUpDifferentNames) {
  PeerProcess a, b;
  ASSERT_EQ(a("socket PULL"), "ok");
  ASSERT_EQ(b("socket PULL"), "ok");
  const std::string one = a("bind shm://*"), two = b("bind shm://*");
  EXPECT_EQ(one.substr(0, 9), "ok shm://");
  EXPECT_EQ(two.substr(0, 9), "ok shm://");
  EXPECT_NE(one, two);
}

TEST(Names, LettersDigitsDotsUnderscoresAndHyphens) {
  PeerProcess peer;
  ASSERT_EQ(peer("socket PULL"), "ok");
  EXPECT_EQ(peer("bind " + Unique("a-B_9.z")).substr(0, 3), "ok ");
  for (const char* bad : {"a/b", "../x", "a:b", "@a", "a*"}) {
    EXPECT_TRUE(Fails(peer(std::string("bind shm://") + bad), EINVAL)) << bad;
    EXPECT_TRUE(Fails(peer(std::string("connect shm://") + bad), EINVAL)) << bad;
  }
  EXPECT_TRUE(Fails(peer("bind shm://" + std::string(65, 'x')), EINVAL));
  EXPECT_TRUE(Fails(peer("connect shm://*"), EINVAL));
}

TEST(Names, ANameIsTakenWhileSomebodyListens) {
  PeerProcess first, second;
  ASSERT_EQ(first("socket PULL"), "ok");
  ASSERT_EQ(second("socket PULL"), "ok");
  const std::string name = Unique("taken");
  ASSERT_EQ(first("bind " + name), "ok " + name);
  EXPECT_TRUE(Fails(second("bind " + name), EADDRINUSE));
  ASSERT_EQ(first("unbind " + name), "ok");
  // The I/O thread closes the listener a moment later.
  EXPECT_TRUE(testing::Eventually([&] { return second("bind " + name) == "ok " + name; }));
}

TEST(Names, WhatADeadProcessLeftIsTakenOver) {
  PeerProcess first, second, client;
  ASSERT_EQ(first("socket PULL"), "ok");
  const std::string name = Unique("left");
  ASSERT_EQ(first("bind " + name), "ok " + name);
  first.Kill();
  ASSERT_EQ(second("socket PULL"), "ok");
  EXPECT_EQ(second("bind " + name), "ok " + name);
  ASSERT_EQ(client("socket PUSH"), "ok");
  ASSERT_EQ(client("connect " + name), "ok");
  ASSERT_EQ(client("send 0 10 1 100 20000"), "sent 10");
  EXPECT_EQ(second("recv 10 20000"), "got 10 first 0 last 9");
}

TEST(Names, EachRendezvousDirectoryHasItsOwn) {
  char place[] = "/tmp/samehost-zmq-test-XXXXXX";
  ASSERT_NE(mkdtemp(place), nullptr);
  PeerProcess here, there(Library::kOurs, {{"SAMEHOST_DIR", place}});
  ASSERT_EQ(here("socket PULL"), "ok");
  ASSERT_EQ(there("socket PULL"), "ok");
  const std::string name = Unique("scope");
  EXPECT_EQ(here("bind " + name), "ok " + name);
  EXPECT_EQ(there("bind " + name), "ok " + name);
}

TEST(Names, EachUserHasItsOwn) {
  if (getuid() != 0) GTEST_SKIP() << "only root may become somebody else";
  PeerProcess here, there, client;
  ASSERT_EQ(there("user 12345"), "ok");
  for (PeerProcess* peer : {&here, &there}) ASSERT_EQ((*peer)("socket PULL"), "ok");
  const std::string name = Unique("user");
  EXPECT_EQ(there("bind " + name), "ok " + name);
  EXPECT_EQ(here("bind " + name), "ok " + name);
  ASSERT_EQ(client("socket PUSH"), "ok");
  ASSERT_EQ(client("connect " + name), "ok");
  ASSERT_EQ(client("send 0 10 1 100 20000"), "sent 10");
  EXPECT_EQ(here("recv 10 20000"), "got 10 first 0 last 9");
  EXPECT_EQ(there("recv 1 200"), "got 0 first 0 last 0");
}

TEST(Names, WorkOverTheSocketWhenSwitchedOff) {
  PeerProcess server(Library::kOurs, {{"SAMEHOST", "off"}});
  PeerProcess client(Library::kOurs, {{"SAMEHOST", "off"}});
  ASSERT_EQ(server("socket PULL"), "ok");
  ASSERT_EQ(client("socket PUSH"), "ok");
  const std::string name = Unique("off");
  ASSERT_EQ(server("bind " + name), "ok " + name);
  ASSERT_EQ(client("connect " + name), "ok");
  ASSERT_EQ(client("send 0 10 1 100 20000"), "sent 10");
  EXPECT_EQ(server("recv 10 20000"), "got 10 first 0 last 9");
  EXPECT_EQ(server.Links() + client.Links(), 0);
}

}  // namespace
}  // namespace samehost::zmq_transport
