// Every way for a handshake to fail, between processes: who may connect, versions, sizes, stopped
// and dying peers, no descriptors left. Nonsense from a peer: hostile_peer_test.cc.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "plugin/base/descriptor_headroom.h"
#include "plugin/rendezvous/directory.h"
#include "plugin/rendezvous/handshake.h"
#include "plugin/rendezvous/test_support.h"

namespace samehost::rendezvous {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Child;
using testing::Dial;
using testing::Outcome;
using testing::Reason;
using testing::ServerProcess;
using testing::Tcp;
using testing::TempFolder;
using testing::TestOptions;
using testing::TestServer;

bool Become(uid_t uid) { return setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0; }

class Refusal : public ::testing::Test {
 protected:
  Refusal() : folder_(01777) {}

  Address ServerAddress(const ServerProcess& server) { return Tcp("127.0.0.1", server.port()); }

  // What a client with these options, run as `uid`, is told.
  std::string DialAs(uid_t uid, const Address& address, const Options& options) {
    Child client([&](Child::Talk& talk) {
      talk.Say(Become(uid) ? Outcome(Dial(address, options)) : "cannot change user");
    });
    return client.talk().Hear();
  }

  // The candidates for a port of 127.0.0.1.
  std::vector<Candidate> Entries(uint16_t port) {
    return FindEntries(folder_.path(), "tcp-" + std::to_string(port) + "-", {}).candidates;
  }

  // Its links use up what the server may have. With one more allowed each time, another step of the
  // handshake meets the limit.
  void UseUpTheServer(rlim_t limit, bool pretend) {
    SCOPED_TRACE(limit);
    ServerProcess server(Tcp("127.0.0.1", 0), options_, "server", [&] {
      PretendDescriptorsForTesting(pretend);
      const rlimit value = {limit, limit};
      setrlimit(RLIMIT_NOFILE, &value);
    });
    std::vector<std::variant<Connected, Fallback>> links;
    do {
      links.push_back(Dial(ServerAddress(server), options_));
    } while (Reason(links.back()) == FallbackReason::kNone);
    EXPECT_GT(links.size(), 1u);
    EXPECT_EQ(Reason(links.back()), FallbackReason::kDescriptorsShort) << Outcome(links.back());
    EXPECT_EQ(Reason(Dial(ServerAddress(server), options_)), FallbackReason::kDescriptorsShort);
  }

  TempFolder folder_;
  Options options_ = TestOptions(folder_.path());
};

// ---- Users --------------------------------------------------------------------------------------

TEST_F(Refusal, OtherUserIsRefusedByTheServer) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to act as another user";
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "root's");
  EXPECT_EQ(DialAs(4711, ServerAddress(server), options_),
            "peer_refused_user: the server (uid 0) does not accept uid 4711");
}

TEST_F(Refusal, OtherUserIsWelcomeWhenListed) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to act as another user";
  Options open = options_;
  open.access.users = {4711};
  ServerProcess server(Tcp("127.0.0.1", 0), open, "root's");
  EXPECT_EQ(DialAs(4711, ServerAddress(server), options_), "none");
  Options by_group = options_;
  by_group.access.groups = {4712};
  ServerProcess other(Tcp("127.0.0.1", 0), by_group, "root's");
  EXPECT_EQ(DialAs(4712, ServerAddress(other), options_), "none");
}

TEST_F(Refusal, ServerOfAnotherUserIsRefusedByTheClient) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to act as another user";
  Options open = options_;
  open.access.users = {4712};
  ServerProcess server(Tcp("127.0.0.1", 0), open, "4711's", [] { (void)Become(4711); });
  EXPECT_EQ(DialAs(4712, ServerAddress(server), options_),
            "we_refused_user: the server runs as uid 4711");
  Options trusting = options_;
  trusting.access.users = {4711};
  EXPECT_EQ(DialAs(4712, ServerAddress(server), trusting), "none");
  trusting.access = {.users = {}, .groups = {4711}};
  EXPECT_EQ(DialAs(4712, ServerAddress(server), trusting), "none");
  EXPECT_EQ(DialAs(4711, ServerAddress(server), options_), "none");
}

// What a container meets: the address is none of its own, and the only entry is a stranger's.
TEST_F(Refusal, StrangerWithThePortIsNamedForAnAddressElsewhere) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to act as another user";
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "4711's", [] { (void)Become(4711); });
  const std::string outcome = DialAs(4712, Tcp("198.51.100.7", server.port()), options_);
  EXPECT_EQ(outcome.rfind("not_local_address: 198.51.100.7:", 0), 0u) << outcome;
  EXPECT_NE(outcome.find("uid 4711, whom this side does not accept"), std::string::npos) << outcome;
}

TEST_F(Refusal, OverflowUserMatchesNobody) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to act as another user";
  const uid_t nobody = OverflowUid();
  Options open = options_;
  open.access = {.users = {nobody}, .groups = {nobody}};
  ServerProcess server(Tcp("127.0.0.1", 0), open, "root's");
  EXPECT_EQ(DialAs(nobody, ServerAddress(server), open),
            "peer_refused_user: the server (uid 0) does not accept uid " + std::to_string(nobody));
}

TEST_F(Refusal, WhoeverAnswersInAnotherUsersFolderIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to act as another user";
  // Root can put its socket into the folder of 4711; a client of 4711 must not take it for its own.
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "root's");
  const Candidate entry = Entries(server.port()).at(0);
  const std::string theirs = folder_.path() + "/4711";
  std::filesystem::create_directory(theirs);
  ASSERT_EQ(chown(theirs.c_str(), 4711, 4711), 0);
  std::filesystem::rename(entry.folder->path + "/" + entry.name, theirs + "/" + entry.name);
  EXPECT_EQ(DialAs(4711, ServerAddress(server), options_).find("directory_refused"), 0u);
}

// ---- Versions, sizes, protocols
// -------------------------------------------------------------------

TEST_F(Refusal, VersionMismatchBothWays) {
  ServerProcess newer(Tcp("127.0.0.1", 0), options_, "newer", [] {
    SetSpokenVersionsForTest({2, 3});
  });
  EXPECT_EQ(Outcome(Dial(ServerAddress(newer), options_)),
            "version_mismatch: the server speaks 2..3, the client 1..1");
  ServerProcess older(Tcp("127.0.0.1", 0), options_, "older");
  Child client([&](Child::Talk& talk) {
    SetSpokenVersionsForTest({2, 3});
    talk.Say(Outcome(Dial(ServerAddress(older), options_)));
  });
  EXPECT_EQ(client.talk().Hear(), "version_mismatch: the server speaks 1..1, the client 2..3");
}

TEST_F(Refusal, HighestCommonVersionIsUsed) {
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "wide", [] {
    SetSpokenVersionsForTest({1, 3});
  });
  Child client([&](Child::Talk& talk) {
    SetSpokenVersionsForTest({1, 2});
    auto outcome = Dial(ServerAddress(server), options_);
    auto* connected = std::get_if<Connected>(&outcome);
    talk.Say(connected != nullptr ? std::to_string(connected->version) : Outcome(outcome));
  });
  EXPECT_EQ(client.talk().Hear(), "2");
}

TEST_F(Refusal, RingSizes) {
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "server");
  Options odd = options_;
  odd.link.initial_ring_bytes = 33000;
  EXPECT_EQ(Reason(Dial(ServerAddress(server), odd)), FallbackReason::kBadRingParameters);
  Options huge = options_;
  huge.link.initial_ring_bytes = huge.link.max_ring_bytes = 4 << 20;
  EXPECT_EQ(Outcome(Dial(ServerAddress(server), huge)),
            "bad_ring_parameters: the server's rings have at most 2097152 bytes");
  Options roomy = options_;
  roomy.link.max_ring_bytes = 4 << 20;  // grows on its own side only
  EXPECT_EQ(Outcome(Dial(ServerAddress(server), roomy)), "none");
  Options small = options_;
  small.link.initial_ring_bytes = small.link.max_ring_bytes = 4096;
  EXPECT_EQ(Outcome(Dial(ServerAddress(server), small)), "none");
}

TEST_F(Refusal, OtherProtocol) {
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "server");
  Options other = options_;
  other.protocol = "other";
  EXPECT_EQ(Outcome(Dial(ServerAddress(server), other)),
            "protocol_mismatch: the server speaks test");
}

TEST_F(Refusal, TheProtocolAboveMayRefuse) {
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "server");
  EXPECT_EQ(Outcome(Dial(ServerAddress(server), options_, "refuse me")),
            "tls_not_replaced: as asked");
}

TEST_F(Refusal, RequestTooLong) {
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "server");
  EXPECT_EQ(Outcome(Dial(ServerAddress(server), options_, std::string(kMaxRequestBytes, 'x'))),
            "none");
  EXPECT_EQ(Reason(Dial(ServerAddress(server), options_, std::string(kMaxRequestBytes + 1, 'x'))),
            FallbackReason::kBadRingParameters);
}

// ---- Stopped and dying peers
// ----------------------------------------------------------------------------

TEST_F(Refusal, StoppedServerIsBounded) {
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "server");
  server.child().Stop();
  const auto outcome = Connect(ServerAddress(server), options_, "", milliseconds(100));
  EXPECT_EQ(Reason(outcome), FallbackReason::kHandshakeTimeout) << Outcome(outcome);
  server.child().Kill(SIGCONT);
  EXPECT_EQ(Outcome(Dial(ServerAddress(server), options_)), "none");
}

TEST_F(Refusal, StoppedServerLeavesTimeForTheNextOne) {
  ServerProcess one(Tcp("127.0.0.1", 0), options_, "one", {}, /*reuse_port=*/true);
  ServerProcess two(Tcp("127.0.0.1", one.port()), options_, "two", {}, /*reuse_port=*/true);
  one.child().Stop();
  for (int i = 0; i < 4; ++i) {
    auto outcome = Connect(ServerAddress(one), options_, "who", seconds(4));
    auto* connected = std::get_if<Connected>(&outcome);
    ASSERT_NE(connected, nullptr) << Outcome(outcome);
    EXPECT_EQ(connected->message, "two");
  }
}

TEST_F(Refusal, AnyTimeoutIsTaken) {
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "server");
  EXPECT_EQ(Outcome(Connect(ServerAddress(server), options_, "", milliseconds::max())), "none");
  server.child().Stop();
  EXPECT_EQ(Reason(Connect(ServerAddress(server), options_, "", milliseconds(0))),
            FallbackReason::kHandshakeTimeout);
  EXPECT_EQ(Reason(Connect(ServerAddress(server), options_, "", milliseconds::min())),
            FallbackReason::kHandshakeTimeout);
}

TEST_F(Refusal, KilledServersEntryIsStaleOnce) {
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "server");
  ASSERT_EQ(Entries(server.port()).size(), 1u);
  server.child().Kill(SIGKILL);
  server.child().Wait();
  EXPECT_EQ(Reason(Dial(ServerAddress(server), options_)), FallbackReason::kStaleEntry);
  EXPECT_TRUE(Entries(server.port()).empty());
  EXPECT_EQ(Reason(Dial(ServerAddress(server), options_)), FallbackReason::kServerNotFound);
}

TEST_F(Refusal, ServerKilledInMidHandshake) {
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "server");
  server.child().Stop();
  Child client([&](Child::Talk& talk) {
    talk.Say("dialling");
    talk.Say(std::string(Name(Reason(Dial(ServerAddress(server), options_)))));
  });
  EXPECT_EQ(client.talk().Hear(), "dialling");
  server.child().Kill(SIGKILL);
  const std::string reason = client.talk().Hear();
  // Before its connect, in between, or while it waited for the answer.
  EXPECT_TRUE(reason == "stale_entry" || reason == "handshake_failed") << reason;
}

TEST_F(Refusal, DeadServerWhoseChildLivesOnRefusesAtOnce) {
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "server");
  // A process that forks after it has announced; the child outlives it with copies of every
  // descriptor.
  Child parent([&](Child::Talk& talk) {
    TestServer forking(Tcp("127.0.0.1", 0), options_, "forking");
    const pid_t child = fork();
    if (child == 0) {
      pause();
      _exit(0);
    }
    talk.Say(std::to_string(forking.port()));
    talk.Say(std::to_string(child));
    talk.Hear();
  });
  const auto port = static_cast<uint16_t>(std::stoi(parent.talk().Hear()));
  const pid_t orphan = std::stoi(parent.talk().Hear());
  EXPECT_EQ(Outcome(Dial(Tcp("127.0.0.1", port), options_)), "none");
  parent.Kill(SIGKILL);
  parent.Wait();
  EXPECT_EQ(Reason(Dial(Tcp("127.0.0.1", port), options_)), FallbackReason::kStaleEntry);
  kill(orphan, SIGKILL);
}

// ---- Descriptors
// ------------------------------------------------------------------------------------

TEST_F(Refusal, ClientWithoutDescriptors) {
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "server");
  Child client([&](Child::Talk& talk) {
    rlim_t limit = 0;
    for (int spare = 0; spare < kSpareDescriptors - 1; ++limit) {
      spare += fcntl(static_cast<int>(limit), F_GETFD) < 0;
    }
    const rlimit value = {limit, 1024};
    setrlimit(RLIMIT_NOFILE, &value);
    talk.Say(Outcome(Dial(ServerAddress(server), options_)));
  });
  EXPECT_EQ(client.talk().Hear(), "descriptors_short: fewer than 16 are left");
}

// Another thread may take the last ones after the look at how many there are.
TEST_F(Refusal, ClientThatRunsOutOfDescriptors) {
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "server");
  Child client([&](Child::Talk& talk) {
    PretendDescriptorsForTesting(true);
    // One descriptor more each time, until it works: every step on the way meets the limit once.
    int short_of_them = 0;
    for (rlim_t limit = 4;; ++limit) {
      const rlimit value = {limit, 1024};
      setrlimit(RLIMIT_NOFILE, &value);
      const auto outcome = Dial(ServerAddress(server), options_);
      if (Reason(outcome) == FallbackReason::kNone) break;
      if (Reason(outcome) != FallbackReason::kDescriptorsShort) {
        return talk.Say(std::to_string(limit) + " " + Outcome(outcome));
      }
      ++short_of_them;
    }
    talk.Say(short_of_them >= 5 ? "worked in the end" : "too few steps met the limit");
  });
  EXPECT_EQ(client.talk().Hear(), "worked in the end");
}

TEST_F(Refusal, ServerWithoutDescriptors) { UseUpTheServer(40, /*pretend=*/false); }

TEST_F(Refusal, ServerThatRunsOutOfDescriptors) {
  for (rlim_t limit = 40; limit < 50; ++limit) UseUpTheServer(limit, /*pretend=*/true);
}

}  // namespace
}  // namespace samehost::rendezvous
