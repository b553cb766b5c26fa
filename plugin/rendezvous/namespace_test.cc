// Network namespaces: loopback never crosses, equal addresses never mix, and an address that really
// leads from one to the other is proven. Needs the right to make namespaces; skips visibly without.
#include <gtest/gtest.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>

#include "plugin/rendezvous/endpoint_name.h"
#include "plugin/rendezvous/entry.h"
#include "plugin/rendezvous/handshake.h"
#include "plugin/rendezvous/message_io.h"
#include "plugin/rendezvous/test_support.h"
#include "plugin/shm/link.h"

namespace samehost::rendezvous {
namespace {

using testing::Abstract;
using testing::Child;
using testing::Dial;
using testing::Outcome;
using testing::ServerProcess;
using testing::Tcp;
using testing::TempFolder;
using testing::TestOptions;
using testing::TestServer;
using testing::UnixFile;

constexpr uint16_t kPort = 50051;

bool RaiseLoopback() {
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = {};
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0;
}

bool NewNamespace() { return unshare(CLONE_NEWNET) == 0 && RaiseLoopback(); }

bool Shell(const std::string& command) { return system((command + " 2>/dev/null").c_str()) == 0; }

// Whether the stock connection works.
bool Reachable(const Address& address) {
  const auto* raw = reinterpret_cast<const sockaddr*>(&address.storage);
  const UniqueFd socket(::socket(raw->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return connect(socket.get(), raw, address.length) == 0;
}

class Namespaces : public ::testing::Test {
 protected:
  void SetUp() override {
    Child probe([](Child::Talk& talk) { talk.Say(NewNamespace() ? "yes" : "no"); });
    if (probe.talk().Hear() != "yes") GTEST_SKIP() << "may not make a network namespace";
  }

  std::string Who(const Address& address) {
    auto outcome = Dial(address, options_, "who");
    if (auto* connected = std::get_if<Connected>(&outcome)) return connected->message;
    return Outcome(outcome).substr(0, Outcome(outcome).find(':'));
  }

  TempFolder folder_;
  Options options_ = TestOptions(folder_.path());
};

TEST_F(Namespaces, LoopbackNeverCrosses) {
  ServerProcess server(Tcp("0.0.0.0", kPort), options_, "inside", [] { NewNamespace(); });
  EXPECT_EQ(Who(Tcp("127.0.0.1", kPort)), "other_namespace");
  EXPECT_EQ(Who(Tcp("::1", kPort)), "other_namespace");
  Child client([&](Child::Talk& talk) {
    NewNamespace();
    talk.Say(Who(Tcp("127.0.0.1", kPort)));
  });
  EXPECT_EQ(client.talk().Hear(), "other_namespace");
}

TEST_F(Namespaces, EachNamespaceFindsItsOwnServer) {
  Child inside([&](Child::Talk& talk) {
    NewNamespace();
    TestServer server(Tcp("127.0.0.1", kPort), options_, "inside");
    talk.Say(server.ok() ? "there" : ToString(server.error()));
    for (int i = 0; i < 20; ++i) talk.Say(Who(Tcp("127.0.0.1", kPort)));
    talk.Hear();
  });
  ASSERT_EQ(inside.talk().Hear(), "there");
  Child outside([&](Child::Talk& talk) {
    NewNamespace();
    TestServer server(Tcp("127.0.0.1", kPort), options_, "outside");
    talk.Say(server.ok() ? "there" : ToString(server.error()));
    for (int i = 0; i < 20; ++i) talk.Say(Who(Tcp("127.0.0.1", kPort)));
    talk.Hear();
  });
  ASSERT_EQ(outside.talk().Hear(), "there");
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(inside.talk().Hear(), "inside");
    EXPECT_EQ(outside.talk().Hear(), "outside");
  }
}

TEST_F(Namespaces, AbstractNamesNeverCross) {
  ServerProcess server(Abstract("samehost-ns-test"), options_, "inside", [] { NewNamespace(); });
  EXPECT_EQ(Who(Abstract("samehost-ns-test")), "server_not_found");
}

TEST_F(Namespaces, SocketFilesDoCross) {
  const std::string path = folder_.path() + "/stock.sock";
  ServerProcess server(UnixFile(path), options_, "inside", [] { NewNamespace(); });
  EXPECT_EQ(Who(UnixFile(path)), "inside");
}

TEST_F(Namespaces, AnnouncingThreadInAnotherNamespaceThanTheServicesIsRefused) {
  Child process([&](Child::Talk& talk) {
    TestServer first(Tcp("127.0.0.1", 0), options_, "first");
    NewNamespace();  // of this thread only
    TestServer second(Tcp("127.0.0.1", kPort), options_, "second");
    talk.Say(Who(Tcp("127.0.0.1", kPort)));
  });
  EXPECT_EQ(process.talk().Hear(), "other_namespace");
}

// A server and a client in a namespace each, joined by a veth pair: server 10.77.0.1,
// client 10.77.0.2.
class JoinedNamespaces : public Namespaces {
 protected:
  struct Orders {
    std::string server_extra;  // shell commands run in the server's namespace
    std::string client_extra;
    bool accepting = true;
    bool late = false;  // the server announces itself, and listens when the client has asked
  };

  // What the client gets when it dials `address` while a server listens on `listen_on`.
  std::string Join(const Address& listen_on, const Address& address) {
    return Join(listen_on, address, Orders());
  }
  std::string Join(const Address& listen_on, const Address& address, const Orders& orders) {
    Child server([&](Child::Talk& talk) {
      talk.Say(NewNamespace() ? "namespace" : "no");
      talk.Hear();  // the veth has been moved in
      const bool up = Shell(
                          "ip addr add 10.77.0.1/24 dev vs && ip -6 addr add fd77::1/64 dev vs "
                          "nodad && ip link set vs up") &&
                      (orders.server_extra.empty() || Shell(orders.server_extra));
      TestServer test_server(listen_on, options_, "server", /*reuse_port=*/false, orders.late);
      if (orders.late) {
        talk.Say(up && test_server.ok() ? "there" : "no addresses");
        talk.Hear();
        test_server.ListenNow();
      }
      if (orders.accepting) test_server.Accepting();
      talk.Say(!up ? "no addresses" : test_server.ok() ? "there" : ToString(test_server.error()));
      talk.Hear();
    });
    if (server.talk().Hear() != "namespace") return "no namespace";
    Child client([&](Child::Talk& talk) {
      NewNamespace();
      const bool up =
          Shell("ip link add vc type veth peer name vs netns " + std::to_string(server.pid())) &&
          Shell(
              "ip addr add 10.77.0.2/24 dev vc && ip -6 addr add fd77::2/64 dev vc nodad && ip "
              "link set vc up") &&
          (orders.client_extra.empty() || Shell(orders.client_extra));
      talk.Say(up ? "up" : "down");
      talk.Hear();
      // Neighbours on a link that has just come up take their time to find each other.
      (void)Reachable(address);
      if (orders.late) {
        options_.trace = [&](const TraceStep& step) {
          if (step.detail.find("sent with the hello") != std::string::npos) talk.Say("asked");
        };
      }
      talk.Say(Who(address));
    });
    if (client.talk().Hear() != "up") return "no veth";
    server.talk().Say("go");
    std::string said = server.talk().Hear();
    if (said != "there") return said;
    client.talk().Say("go");
    said = client.talk().Hear();
    if (said != "asked") return said;
    // What the client does meanwhile is the point of the test.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    server.talk().Say("listen");
    return client.talk().Hear();
  }

  void SetUp() override {
    Namespaces::SetUp();
    if (IsSkipped()) return;
    const std::string probe = Join(Tcp("10.77.0.1", kPort), Tcp("127.0.0.1", 1));
    if (probe.find("no ") == 0) GTEST_SKIP() << "may not join namespaces: " << probe;
  }
};

TEST_F(JoinedNamespaces, AddressThatLeadsToTheServerIsProven) {
  EXPECT_EQ(Join(Tcp("10.77.0.1", kPort), Tcp("10.77.0.1", kPort)), "server");
  EXPECT_EQ(Join(Tcp("0.0.0.0", kPort), Tcp("10.77.0.1", kPort)), "server");
  EXPECT_EQ(Join(Tcp("::", kPort), Tcp("10.77.0.1", kPort)), "server");
  EXPECT_EQ(Join(Tcp("::", kPort), Tcp("fd77::1", kPort)), "server");
}

// As a server that starts: its entry is there a moment before its port.
TEST_F(JoinedNamespaces, AServerThatIsAboutToListenIsWaitedFor) {
  Orders orders;
  orders.late = true;
  EXPECT_EQ(Join(Tcp("10.77.0.1", kPort), Tcp("10.77.0.1", kPort), orders), "server");
}

TEST_F(JoinedNamespaces, LoopbackDoesNotLeadThere) {
  EXPECT_EQ(Join(Tcp("0.0.0.0", kPort), Tcp("127.0.0.1", kPort)), "other_namespace");
}

TEST_F(JoinedNamespaces, ConnectionsThatNobodyAcceptsProveNothing) {
  Orders orders;
  orders.accepting = false;
  EXPECT_EQ(Join(Tcp("10.77.0.1", kPort), Tcp("10.77.0.1", kPort), orders), "other_namespace");
}

// The client's namespace has the same address on an interface of its own: its connection goes
// there.
TEST_F(JoinedNamespaces, EqualAddressOfTheClientsOwn) {
  Orders orders;
  orders.client_extra = "ip addr add 10.88.0.1/32 dev lo";
  orders.server_extra = "ip addr add 10.88.0.1/32 dev lo";
  EXPECT_EQ(Join(Tcp("0.0.0.0", kPort), Tcp("10.88.0.1", kPort), orders), "other_namespace");
}

// The server has the address, but the client's route leads to a third namespace with the same one.
TEST_F(JoinedNamespaces, EqualAddressOfAThird) {
  Child third([&](Child::Talk& talk) {
    talk.Say(NewNamespace() ? "namespace" : "no");
    talk.Hear();
    const bool up = Shell(
        "ip addr add 10.99.0.3/24 dev vt && ip link set vt up && ip addr add 10.88.0.1/32 dev lo");
    const UniqueFd stock = testing::Listen(Tcp("0.0.0.0", kPort));
    talk.Say(up && stock.valid() ? "there" : "no");
    talk.Hear();
  });
  ASSERT_EQ(third.talk().Hear(), "namespace");
  ServerProcess server(Tcp("0.0.0.0", kPort), options_, "wrong one", [] {
    NewNamespace();
    Shell("ip addr add 10.88.0.1/32 dev lo");
  });
  Child client([&](Child::Talk& talk) {
    NewNamespace();
    const bool up =
        Shell("ip link add vc type veth peer name vt netns " + std::to_string(third.pid())) &&
        Shell(
            "ip addr add 10.99.0.2/24 dev vc && ip link set vc up && ip route add 10.88.0.1 via "
            "10.99.0.3");
    talk.Say(up ? "up" : "down");
    talk.Hear();
    // The stock connection works, and leads to the third.
    const Address address = Tcp("10.88.0.1", kPort);
    talk.Say(Reachable(address) ? Who(address) : "not reachable");
  });
  if (client.talk().Hear() != "up") GTEST_SKIP() << "may not join namespaces";
  third.talk().Say("go");
  ASSERT_EQ(third.talk().Hear(), "there");
  client.talk().Say("go");
  EXPECT_EQ(client.talk().Hear(), "other_namespace");
}

// ---- PID namespaces --------------------------------------------------------------------------

// What `body` says in a PID namespace of its own; "may not" where none can be made.
std::string InNewPidNamespace(const std::function<void(Child::Talk&)>& body) {
  Child parent([&](Child::Talk& talk) {
    if (unshare(CLONE_NEWPID) != 0) return talk.Say("may not");
    if (const pid_t inside = fork(); inside == 0) {
      body(talk);
      _exit(0);
    } else {
      waitpid(inside, nullptr, 0);
    }
  });
  return parent.talk().Hear();
}

// A process that could not read this one's memory otherwise gets no eventfd, whose counter it could
// fill so that the next write blocks, and nothing that it has sent is used in place.
TEST(PidNamespaces, APeerOfAnotherSharesNoEventfds) {
  TempFolder folder;
  const Options options = TestOptions(folder.path());
  ServerProcess server(Tcp("127.0.0.1", 0), options, "server");
  const auto connect = [&](Child::Talk& talk) {
    auto outcome = Dial(Tcp("127.0.0.1", server.port()), options, "who");
    auto* connected = std::get_if<Connected>(&outcome);
    talk.Say(connected == nullptr                 ? Outcome(outcome)
             : connected->link->shares_eventfds() ? "with eventfds"
                                                  : "without eventfds");
  };
  Child neighbour(connect);
  EXPECT_EQ(neighbour.talk().Hear(), "with eventfds");
  const std::string said = InNewPidNamespace(connect);
  if (said == "may not") GTEST_SKIP() << "may not make a PID namespace";
  EXPECT_EQ(said, "without eventfds");
}

// It sends them all the same.
TEST(PidNamespaces, EventfdsOfAPeerOfAnotherAreRefused) {
  TempFolder folder;
  const Options options = TestOptions(folder.path());
  ServerProcess server(Tcp("127.0.0.1", 0), options, "server");
  const auto send = [&](Child::Talk& talk) {
    const std::string stem = "tcp-" + std::to_string(server.port()) + "-";
    auto socket = ConnectEntry(FindEntries(folder.path(), stem, {}).candidates.at(0),
                               std::chrono::seconds(20));
    auto parts = shm::Link::MakeParts(options.link, /*share_eventfds=*/true);
    if (!socket.ok() || !parts.ok()) return talk.Say("no parts");
    const Hello hello = testing::ProperHello(Tcp("127.0.0.1", server.port()), options);
    (void)SendMessage(socket->get(), Encode(hello),
                      {parts->segment.get(), parts->doorbell[0].get(), parts->doorbell[1].get()});
    pollfd polled = {socket->get(), POLLIN, 0};
    poll(&polled, 1, -1);
    auto answer = ReceiveMessage(socket->get());
    std::string said = "no answer";
    if (answer && *answer) {
      const auto refusal = DecodeRefuse((*answer)->bytes);
      said = refusal ? refusal->detail : "accepted";
    }
    talk.Say(said);
  };
  Child neighbour(send);
  EXPECT_EQ(neighbour.talk().Hear(), "accepted");
  const std::string said = InNewPidNamespace(send);
  if (said == "may not") GTEST_SKIP() << "may not make a PID namespace";
  EXPECT_NE(said.find("shares eventfds"), std::string::npos) << said;
}

}  // namespace
}  // namespace samehost::rendezvous
