// Every way for a handshake to fail, between processes: who may connect, versions, sizes, nonsense
// from either side, stopped and dying peers, no descriptors left.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "plugin/rendezvous/directory.h"
#include "plugin/rendezvous/endpoint_name.h"
#include "plugin/rendezvous/entry.h"
#include "plugin/rendezvous/handshake.h"
#include "plugin/rendezvous/message_io.h"
#include "plugin/rendezvous/test_support.h"

namespace samehost::rendezvous {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Child;
using testing::Dial;
using testing::Listen;
using testing::OpenDescriptors;
using testing::Outcome;
using testing::PortOf;
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

// ---- Hostile clients
// --------------------------------------------------------------------------------

class HostileClient : public Refusal {
 protected:
  HostileClient() : server_(Tcp("127.0.0.1", 0), options_, "server") {}

  UniqueFd Knock() {
    auto socket = ConnectEntry(Entries(server_.port()).at(0), seconds(20));
    EXPECT_TRUE(socket.ok());
    return *std::move(socket);
  }
  // The reason in the server's answer, or "silence" when it hung up without one.
  std::string Answer(int socket) {
    for (;;) {
      auto message = ReceiveMessage(socket);
      if (!message) return "silence";
      if (*message) {
        auto refusal = DecodeRefuse((*message)->bytes);
        return refusal ? std::string(Name(refusal->reason)) : "no refusal";
      }
      pollfd polled = {socket, POLLIN, 0};
      poll(&polled, 1, -1);
    }
  }
  Hello ProperHello() {
    Hello hello;
    hello.versions = SpokenVersions();
    hello.timeout_ms = 10000;
    hello.initial_ring_bytes = options_.link.initial_ring_bytes;
    hello.max_ring_bytes = options_.link.max_ring_bytes;
    hello.netns = CurrentNetns();
    hello.target = *ToEndpoint(ServerAddress(server_));
    hello.protocol = options_.protocol;
    return hello;
  }
  // What the server says to these bytes with `count` descriptors of an ordinary file.
  std::string Send(const std::string& bytes, size_t count) {
    const UniqueFd socket = Knock();
    const UniqueFd file(memfd_create("test", MFD_CLOEXEC));
    EXPECT_TRUE(SendMessage(socket.get(), bytes, std::vector<int>(count, file.get())).ok());
    return Answer(socket.get());
  }
  void ExpectServerIsWell() { EXPECT_EQ(Outcome(Dial(ServerAddress(server_), options_)), "none"); }

  ServerProcess server_;
};

TEST_F(HostileClient, Garbage) {
  EXPECT_EQ(Send("GET / HTTP/1.1\r\n\r\n", 0), "handshake_failed");
  EXPECT_EQ(Send(std::string(1, '\0'), 0), "handshake_failed");
  EXPECT_EQ(Send(EncodeProve(), 1), "handshake_failed");
  EXPECT_EQ(Send(Encode(ProperHello()).substr(0, 60), 3), "handshake_failed");
  ExpectServerIsWell();
}

TEST_F(HostileClient, Oversized) {
  EXPECT_EQ(Send(Encode(ProperHello()) + std::string(kMaxMessageBytes, 'x'), 3),
            "handshake_failed");
  ExpectServerIsWell();
}

TEST_F(HostileClient, WrongDescriptors) {
  EXPECT_EQ(Send(Encode(ProperHello()), 0), "handshake_failed");
  EXPECT_EQ(Send(Encode(ProperHello()), 1), "handshake_failed");
  EXPECT_EQ(Send(Encode(ProperHello()), 2), "handshake_failed");
  EXPECT_EQ(Send(Encode(ProperHello()), 4), "handshake_failed");
  ExpectServerIsWell();
}

TEST_F(HostileClient, SegmentThatIsNone) {
  // Three descriptors of an unsealed, empty memfd: the link refuses to map it.
  const std::string answer = Send(Encode(ProperHello()), 3);
  EXPECT_TRUE(answer == "handshake_failed" || answer == "bad_ring_parameters") << answer;
  ExpectServerIsWell();
}

TEST_F(HostileClient, BadNumbers) {
  for (const uint32_t bytes : {0u, 1u, 4097u, 1u << 31, 0xffffffffu}) {
    Hello hello = ProperHello();
    hello.initial_ring_bytes = bytes;
    EXPECT_EQ(Send(Encode(hello), 3), "bad_ring_parameters") << bytes;
    hello = ProperHello();
    hello.max_ring_bytes = bytes;
    if (bytes != 1u << 31) {
      EXPECT_EQ(Send(Encode(hello), 3), "bad_ring_parameters") << bytes;
    }
  }
  Hello hello = ProperHello();
  hello.versions = {0xffffffff, 0};
  EXPECT_EQ(Send(Encode(hello), 3), "version_mismatch");
  ExpectServerIsWell();
}

TEST_F(HostileClient, ManySilentOnesDoNotLockOthersOutForLong) {
  std::vector<UniqueFd> silent;
  for (int i = 0; i < 100; ++i) silent.push_back(Knock());
  ExpectServerIsWell();
  silent.clear();
}

TEST_F(HostileClient, ClosesAtEveryPoint) {
  for (int i = 0; i < 50; ++i) {
    UniqueFd socket = Knock();
    if (i % 2 == 0) (void)SendMessage(socket.get(), Encode(ProperHello()));
    if (i % 3 == 0) (void)SendMessage(socket.get(), Encode(ProperHello()));
  }
  ExpectServerIsWell();
}

TEST_F(HostileClient, ProofThatNobodyAskedFor) {
  EXPECT_EQ(Send(Encode(Proof{{{{1}, 2, 3}}}), 0), "handshake_failed");
  ExpectServerIsWell();
}

// ---- Hostile servers
// --------------------------------------------------------------------------------

// Takes clients at an entry of its own and gives each this answer.
class HostileServer : public Refusal {
 protected:
  void Start(const std::string& answer, bool with_descriptor = false) {
    listener_ = Listen(Tcp("127.0.0.1", 0));
    server_ = std::make_unique<Child>([&](Child::Talk& talk) {
      auto folder = OpenOwnFolder(folder_.path());
      auto entry = MakeEntry(*folder, "tcp-" + std::to_string(PortOf(listener_.get())) + "-");
      talk.Say("there");
      std::vector<UniqueFd> kept;
      for (;;) {
        pollfd polled = {entry->listener.get(), POLLIN, 0};
        poll(&polled, 1, -1);
        UniqueFd client(accept(entry->listener.get(), nullptr, nullptr));
        polled = {client.get(), POLLIN, 0};
        poll(&polled, 1, -1);
        std::vector<int> descriptors;
        if (with_descriptor) descriptors.push_back(0);
        if (answer != "hang up") (void)SendMessage(client.get(), answer, descriptors);
        if (answer == "") kept.push_back(std::move(client));
      }
    });
    ASSERT_EQ(server_->talk().Hear(), "there");
  }
  std::string DialIt() {
    return std::string(Name(Reason(Dial(Tcp("127.0.0.1", PortOf(listener_.get())), options_))));
  }

  UniqueFd listener_;
  std::unique_ptr<Child> server_;
};

TEST_F(HostileServer, Garbage) {
  Start("nonsense");
  EXPECT_EQ(DialIt(), "handshake_failed");
}

TEST_F(HostileServer, HangsUp) {
  Start("hang up");
  EXPECT_EQ(DialIt(), "handshake_failed");
}

TEST_F(HostileServer, AcceptWithAVersionThatWasNotOffered) {
  Start(Encode(Accept{9, 0, ""}));
  EXPECT_EQ(DialIt(), "handshake_failed");
}

TEST_F(HostileServer, AnswerWithDescriptors) {
  const size_t before = OpenDescriptors();
  Start(Encode(Accept{1, 0, ""}), /*with_descriptor=*/true);
  EXPECT_EQ(DialIt(), "handshake_failed");
  server_.reset();
  listener_.Reset();
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(HostileServer, UnknownReason) {
  Start(Encode(Refuse{static_cast<FallbackReason>(999), "from the future"}));
  EXPECT_EQ(DialIt(), "handshake_failed");
}

TEST_F(HostileServer, AsksForProofAndHangsUp) {
  Start(EncodeProve());
  EXPECT_EQ(DialIt(), "handshake_failed");
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
    // One descriptor more each time, until it works: every step on the way meets the limit once.
    for (rlim_t limit = OpenDescriptors() - 2;; ++limit) {
      const rlimit value = {limit, 1024};
      setrlimit(RLIMIT_NOFILE, &value);
      const auto outcome = Dial(ServerAddress(server), options_);
      if (Reason(outcome) == FallbackReason::kNone) return talk.Say("worked in the end");
      if (Reason(outcome) != FallbackReason::kDescriptorsShort) {
        return talk.Say(std::to_string(limit) + " " + Outcome(outcome));
      }
    }
  });
  EXPECT_EQ(client.talk().Hear(), "worked in the end");
}

TEST_F(Refusal, ServerWithoutDescriptors) {
  // Its links use up what it has; then each limit on the way is met.
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "server", [] {
    const rlimit value = {40, 40};
    setrlimit(RLIMIT_NOFILE, &value);
  });
  std::vector<std::variant<Connected, Fallback>> links;
  do {
    links.push_back(Dial(ServerAddress(server), options_));
  } while (Reason(links.back()) == FallbackReason::kNone);
  EXPECT_EQ(Reason(links.back()), FallbackReason::kDescriptorsShort) << Outcome(links.back());
  EXPECT_EQ(Reason(Dial(ServerAddress(server), options_)), FallbackReason::kDescriptorsShort);
}

}  // namespace
}  // namespace samehost::rendezvous
