// A wrong server is never acceptable: whoever announces an address but would not get the stock
// connection to it is refused, whatever it claims.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>

#include "plugin/rendezvous/test_support.h"

namespace samehost::rendezvous {
namespace {

using testing::Abstract;
using testing::Child;
using testing::Dial;
using testing::Listen;
using testing::Outcome;
using testing::PortOf;
using testing::Reason;
using testing::ServerProcess;
using testing::Tcp;
using testing::TempFolder;
using testing::TestOptions;
using testing::UnixFile;

class WrongServer : public ::testing::Test {
 protected:
  std::string Who(const Address& address) {
    auto outcome = Dial(address, options_, "who");
    if (auto* connected = std::get_if<Connected>(&outcome)) return connected->message;
    return Outcome(outcome);
  }
  std::unique_ptr<Announcement> OnlyAnnounce(const Address& address) {
    auto announcement = Announce(address, options_, {});
    EXPECT_TRUE(announcement.ok()) << ToString(announcement.error());
    return announcement ? *std::move(announcement) : nullptr;
  }

  TempFolder folder_;
  Options options_ = TestOptions(folder_.path());
};

TEST_F(WrongServer, AnnouncedButNeverListening) {
  // A port that is known to be free, and stays so.
  const UniqueFd bound = Listen(Tcp("127.0.0.1", 0));
  const uint16_t port = PortOf(bound.get());
  shutdown(bound.get(), SHUT_RDWR);
  const auto announcement = OnlyAnnounce(Tcp("127.0.0.1", port));
  EXPECT_EQ(Reason(Dial(Tcp("127.0.0.1", port), options_)), FallbackReason::kServerNotFound);
}

TEST_F(WrongServer, PortIsAnotherProcesss) {
  Child other([](Child::Talk& talk) {
    const UniqueFd listener = Listen(Tcp("127.0.0.1", 0));
    talk.Say(std::to_string(PortOf(listener.get())));
    talk.Hear();
  });
  const auto port = static_cast<uint16_t>(std::stoi(other.talk().Hear()));
  const auto announcement = OnlyAnnounce(Tcp("127.0.0.1", port));
  EXPECT_EQ(Reason(Dial(Tcp("127.0.0.1", port), options_)), FallbackReason::kServerNotFound);
}

TEST_F(WrongServer, EarlyClientWaitsUntilThePortIsOpen) {
  const UniqueFd reserved(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Address any = Tcp("127.0.0.1", 0);
  ASSERT_EQ(bind(reserved.get(), reinterpret_cast<const sockaddr*>(&any.storage), any.length), 0);
  const Address address = Tcp("127.0.0.1", PortOf(reserved.get()));
  Child client([&](Child::Talk& talk) {
    talk.Hear();
    talk.Say("asking");
    // How long a client is kept is bounded, so on a slow machine it may have to ask again.
    std::string outcome;
    do {
      outcome = Outcome(Dial(address, options_));
    } while (outcome.find("server_not_found") == 0);
    talk.Say(outcome);
  });
  const auto announcement = OnlyAnnounce(address);
  client.talk().Say("go");
  client.talk().Hear();
  ASSERT_EQ(listen(reserved.get(), 8), 0);
  EXPECT_EQ(client.talk().Hear(), "none");
}

TEST_F(WrongServer, MoreSpecificListenerOfAnotherProcessWins) {
  ServerProcess wildcard(Tcp("0.0.0.0", 0), options_, "wildcard", {}, /*reuse_port=*/true);
  const uint16_t port = wildcard.port();
  EXPECT_EQ(Who(Tcp("127.0.0.1", port)), "wildcard");
  {
    const UniqueFd specific = Listen(Tcp("127.0.0.1", port), /*reuse_port=*/true);
    ASSERT_TRUE(specific.valid());
    EXPECT_EQ(Reason(Dial(Tcp("127.0.0.1", port), options_)), FallbackReason::kServerNotFound);
    EXPECT_EQ(Who(Tcp("127.0.0.2", port)), "wildcard");
    // A dual-stack wildcard is beaten by this one as well.
  }
  EXPECT_EQ(Who(Tcp("127.0.0.1", port)), "wildcard");
}

TEST_F(WrongServer, Ipv4WildcardBeatsDualStackForIpv4) {
  ServerProcess dual(Tcp("::", 0), options_, "dual", {}, /*reuse_port=*/true);
  const uint16_t port = dual.port();
  const UniqueFd v4 = Listen(Tcp("0.0.0.0", port), /*reuse_port=*/true);
  ASSERT_TRUE(v4.valid());
  EXPECT_EQ(Reason(Dial(Tcp("127.0.0.1", port), options_)), FallbackReason::kServerNotFound);
  EXPECT_EQ(Who(Tcp("::1", port)), "dual");
}

TEST_F(WrongServer, TwoProcessesOnOnePortAreBothFound) {
  ServerProcess one(Tcp("127.0.0.1", 0), options_, "one", {}, /*reuse_port=*/true);
  ServerProcess two(Tcp("127.0.0.1", one.port()), options_, "two", {}, /*reuse_port=*/true);
  std::set<std::string> found;
  // Where to start is random: 200 times the same has a chance of 2^-199.
  for (int i = 0; i < 200 && found.size() < 2; ++i) found.insert(Who(Tcp("127.0.0.1", one.port())));
  EXPECT_EQ(found, (std::set<std::string>{"one", "two"}));
}

TEST_F(WrongServer, EqualPortsOnDifferentAddresses) {
  ServerProcess one(Tcp("127.0.0.1", 0), options_, "one");
  ServerProcess two(Tcp("127.0.0.2", one.port()), options_, "two");
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Who(Tcp("127.0.0.1", one.port())), "one");
    EXPECT_EQ(Who(Tcp("127.0.0.2", one.port())), "two");
    EXPECT_EQ(Reason(Dial(Tcp("127.0.0.3", one.port()), options_)),
              FallbackReason::kServerNotFound);
  }
}

TEST_F(WrongServer, PortOfAnotherHostIsNotOurs) {
  ServerProcess server(Tcp("0.0.0.0", 0), options_, "here");
  EXPECT_EQ(Reason(Dial(Tcp("198.51.100.7", server.port()), options_)),
            FallbackReason::kNotLocalAddress);
}

TEST_F(WrongServer, SocketFileThatAnotherServerHasReplaced) {
  const std::string path = folder_.path() + "/stock.sock";
  ServerProcess first(UnixFile(path), options_, "first");
  EXPECT_EQ(Who(UnixFile(path)), "first");
  unlink(path.c_str());
  ServerProcess second(UnixFile(path), options_, "second");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Who(UnixFile(path)), "second");
  // A stock server takes it over: neither may answer.
  unlink(path.c_str());
  const UniqueFd stock = Listen(UnixFile(path));
  EXPECT_EQ(Reason(Dial(UnixFile(path), options_)), FallbackReason::kServerNotFound);
}

TEST_F(WrongServer, SocketFileThatIsGone) {
  const std::string path = folder_.path() + "/stock.sock";
  ServerProcess server(UnixFile(path), options_, "server");
  unlink(path.c_str());
  EXPECT_EQ(Reason(Dial(UnixFile(path), options_)), FallbackReason::kServerNotFound);
}

TEST_F(WrongServer, LongPathAndLinkedPath) {
  const std::string start = folder_.path() + "/";
  const std::string path = start + std::string(107 - start.size(), 'x');
  ServerProcess server(UnixFile(path), options_, "long");
  EXPECT_EQ(Who(UnixFile(path)), "long");
  const std::string link = folder_.path() + "/link";
  ASSERT_EQ(symlink(path.c_str(), link.c_str()), 0);
  EXPECT_EQ(Who(UnixFile(link)), "long");
}

TEST_F(WrongServer, AbstractNamesAreExact) {
  const std::string name = "samehost-test-" + std::to_string(getpid());
  ServerProcess server(Abstract(name), options_, "abstract");
  EXPECT_EQ(Who(Abstract(name)), "abstract");
  EXPECT_EQ(Reason(Dial(Abstract(name + "x"), options_)), FallbackReason::kServerNotFound);
  EXPECT_EQ(Reason(Dial(Abstract(name + std::string(1, '\0')), options_)),
            FallbackReason::kServerNotFound);
}

TEST_F(WrongServer, PortZeroAppearsWithSetPort) {
  const UniqueFd listener = Listen(Tcp("127.0.0.1", 0));
  const Address address = Tcp("127.0.0.1", PortOf(listener.get()));
  const auto announcement = OnlyAnnounce(Tcp("127.0.0.1", 0));
  EXPECT_EQ(Reason(Dial(address, options_)), FallbackReason::kServerNotFound);
  EXPECT_TRUE(announcement->SetPort(PortOf(listener.get())).ok());
  EXPECT_EQ(Outcome(Dial(address, options_)), "none");
  EXPECT_TRUE(announcement->SetPort(PortOf(listener.get())).ok());
  EXPECT_FALSE(announcement->SetPort(1).ok());
}

}  // namespace
}  // namespace samehost::rendezvous
