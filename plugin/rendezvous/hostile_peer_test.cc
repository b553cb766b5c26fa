// Nonsense from either side of the handshake: the other side says so, closes what it was sent, and
// is well afterwards.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "plugin/rendezvous/directory.h"
#include "plugin/rendezvous/endpoint_name.h"
#include "plugin/rendezvous/entry.h"
#include "plugin/rendezvous/handshake.h"
#include "plugin/rendezvous/message_io.h"
#include "plugin/rendezvous/test_support.h"

namespace samehost::rendezvous {
namespace {

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

class Hostile : public ::testing::Test {
 protected:
  Address ServerAddress(const ServerProcess& server) { return Tcp("127.0.0.1", server.port()); }
  // The candidates for a port.
  std::vector<Candidate> Entries(uint16_t port) {
    return FindEntries(folder_.path(), "tcp-" + std::to_string(port) + "-", {}).candidates;
  }

  TempFolder folder_;
  Options options_ = TestOptions(folder_.path());
};

// ---- Hostile clients
// --------------------------------------------------------------------------------

class HostileClient : public Hostile {
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
  Hello ProperHello() { return testing::ProperHello(ServerAddress(server_), options_); }
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
  silent.reserve(100);
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
class HostileServer : public Hostile {
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

}  // namespace
}  // namespace samehost::rendezvous
