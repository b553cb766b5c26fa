// Stock and samehost peers at one address, addresses of every form, servers that share a port, and
// processes that fork.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <atomic>
#include <set>
#include <thread>

#include "plugin/tests/harness/behaviour_fixture.h"
#include "plugin/tests/harness/process_facts.h"

#ifdef __SANITIZE_ADDRESS__
// The distribution's c-ares loses ten bytes with every look-up of a name (AddressForms), for stock
// channels as well. It has no symbols by which to call the function.
extern "C" const char* __lsan_default_suppressions() { return "leak:libcares.so\n"; }
#endif

namespace samehost::testing {
namespace {

std::unique_ptr<ChildProcess> StartClient(bool samehost, std::vector<std::string> flags = {},
                                          std::map<std::string, std::string> environment = {}) {
  ChildProcess::Options options;
  options.program = samehost ? "behaviour_client_samehost" : "behaviour_client";
  options.flags = std::move(flags);
  options.environment = std::move(environment);
  return std::make_unique<ChildProcess>(options);
}

class MixedTest : public BehaviourTest {
 protected:
  std::string Expected() { return "OK " + std::to_string(server().pid()); }
};

// Clients of both kinds, some of them programs that do not even link samehost, on one port.
TEST_P(MixedTest, StockAndSamehostClientsTogether) {
  std::string address = StartServer().target();
  auto kind_without = IsUnix(GetParam()) ? TransportKind::kStockUnix : TransportKind::kStockTcp;
  auto stock_process = StartClient(false);
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      auto stub = Behaviour::NewStub(MakeChannel(t % 2 == 0 ? GetParam() : kind_without, address));
      for (int i = 0; i < 200; ++i) {
        grpc::ClientContext context;
        // gRPC 1.51 reads errno after other calls than connect(), so that a first attempt may fail
        // over TCP for no reason (seen: ENOENT, of absl's look for the clock's frequency).
        context.set_wait_for_ready(true);
        Reply reply;
        Request request = Payload(i * 50, t * 1000 + i);
        const grpc::Status status = stub->Unary(&context, request, &reply);
        if (!status.ok()) {
          ADD_FAILURE() << "client " << t << ", call " << i << ": " << status.error_code() << " "
                        << status.error_message();
          return;
        }
        good += reply.payload() == request.payload();
      }
    });
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(stock_process->Ask("ping " + address), Expected());
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 8 * 200);
  if (IsSamehost(GetParam())) {
    EXPECT_EQ(server().Stat("links_opened"), 4u);
  }
}

// A listening address and the ways to it.
struct AddressForm {
  std::string listen;                // ":0" gets a port
  std::vector<std::string> targets;  // "%" is the port
};

std::string WithPort(std::string target, const std::string& port) {
  size_t at = target.find('%');
  return at == std::string::npos ? target : target.replace(at, 1, port);
}

// An address of this machine that is no loopback; empty when there is none.
std::string OwnAddress() {
  std::string found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  for (ifaddrs* it = list; it != nullptr; it = it->ifa_next) {
    if (it->ifa_addr == nullptr || it->ifa_addr->sa_family != AF_INET) continue;
    auto* address = reinterpret_cast<sockaddr_in*>(it->ifa_addr);
    char text[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text));
    if (ntohl(address->sin_addr.s_addr) >> 24 != 127) found = text;
  }
  freeifaddrs(list);
  return found;
}

TEST_P(MixedTest, AddressForms) {
  std::vector<AddressForm> forms;
  if (IsUnix(GetParam())) {
    std::string path = ProcessDirectory() + "/form.sock";
    forms = {{"unix:" + path, {"unix:" + path, "unix://" + path}},
             {"unix-abstract:samehost-test-" + std::to_string(getpid()), {""}}};
    forms[1].targets[0] = forms[1].listen;
  } else {
    forms = {
        {"127.0.0.1:0", {"127.0.0.1:%", "localhost:%", "ipv4:127.0.0.1:%", "dns:///localhost:%"}},
        {"localhost:0", {"localhost:%"}},
        {"0.0.0.0:0", {"127.0.0.1:%", ProcessHost() + ":%", "localhost:%"}},
        {"[::]:0", {"[::1]:%", "127.0.0.1:%", "localhost:%", "ipv6:[::1]:%"}},
        {"[::1]:0", {"[::1]:%", "localhost:%"}}};
    std::string own = OwnAddress();
    if (!own.empty()) {
      forms[2].targets.push_back(own + ":%");
      forms[3].targets.push_back(own + ":%");
      forms.push_back({own + ":0", {own + ":%"}});
    }
  }
  for (const AddressForm& form : forms) {
    SCOPED_TRACE("listening at " + form.listen);
    std::string address = StartServerAt(form.listen).target();
    std::string port = address.substr(address.rfind(':') + 1);
    uint64_t links = 0;
    for (const std::string& target : form.targets) {
      SCOPED_TRACE("target " + WithPort(target, port));
      auto stub = Behaviour::NewStub(MakeChannel(GetParam(), WithPort(target, port)));
      Ping(*stub);
      if (IsSamehost(GetParam())) {
        EXPECT_EQ(server().Stat("links_opened"), ++links);
      }
    }
  }
  // "localhost" is two addresses, and nobody may listen at one of them.
  expect_shared_memory = false;
}

// A fixed port is announced before it answers: clients that hammer it from before the start never
// get a connection past shared memory.
TEST_P(MixedTest, EarlyClientsUseSharedMemoryToo) {
  std::string address = StartServer().target();
  for (int round = 0; round < 10; ++round) {
    server().process().Kill();
    std::atomic<bool> up{false};
    ChannelOptions options;
    options.arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    options.arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 100);
    auto channel = MakeChannel(GetParam(), address, std::move(options));
    std::thread early([&] {
      auto stub = Behaviour::NewStub(channel);
      Ping(*stub);
      up = true;
    });
    StartServerAt(address);
    early.join();
    if (IsSamehost(GetParam())) {
      EXPECT_EQ(server().Stat("links_opened"), 1u) << "round " << round;
    }
  }
  expect_shared_memory = false;  // attempts before the start fell back, rightly
}

// Two servers with SO_REUSEPORT: both are found, each call is answered by the one it went to.
TEST_P(MixedTest, TwoServersShareAPort) {
  if (IsUnix(GetParam())) GTEST_SKIP() << "no port";
  std::string address = StartServer().target();
  ServerOptions options;
  options.transport = GetParam();
  options.address = address;
  ServerProcess second(options);
  std::set<std::string> pids;
  ASSERT_TRUE(WaitUntil(
      [&] {
        auto stub = Stub();
        grpc::ClientContext context;
        Request request;
        request.mutable_script()->set_report(true);
        Reply reply;
        EXPECT_TRUE(stub->Unary(&context, request, &reply).ok());
        pids.insert(std::to_string(reply.report().pid()));
        return pids.size() == 2;
      },
      "both servers have answered"));
  if (IsSamehost(GetParam())) {
    EXPECT_GT(second.Stat("links_opened"), 0u);
  }
}

class ForkTest : public MixedTest {
 protected:
  void SetUp() override {
    MixedTest::SetUp();
    expect_shared_memory = false;  // the clients are other processes
    address_ = StartServer().target();
  }
  // The client's own connection works and has been one link all the time.
  void ExpectUndisturbed(ChildProcess& client) {
    for (int i = 0; i < 20; ++i) EXPECT_EQ(client.Ask("ping " + address_), Expected());
    if (IsSamehost(GetParam())) {
      Counters counters = client.AskCounters();
      EXPECT_EQ(counters["links_opened"], 1u);
      EXPECT_EQ(counters["fallbacks"], 0u);
    }
  }
  std::string address_;
};

TEST_P(ForkTest, BeforeUse) {
  auto client = StartClient(IsSamehost(GetParam()));
  std::string answer = client->Ask("fork_call " + address_);
  EXPECT_EQ(answer.rfind(Expected(), 0), 0u) << answer;
  if (IsSamehost(GetParam())) {
    EXPECT_NE(answer.find("links_opened=1"), std::string::npos) << answer;
  }
  ExpectUndisturbed(*client);
}

TEST_P(ForkTest, IdleChildDoesNotDisturb) {
  auto client = StartClient(IsSamehost(GetParam()));
  EXPECT_EQ(client->Ask("ping " + address_), Expected());
  pid_t child = std::stoi(client->Ask("fork"));
  ExpectUndisturbed(*client);
  kill(child, SIGKILL);
  EXPECT_EQ(client->Ask("reap " + std::to_string(child)), "status 9");
  ExpectUndisturbed(*client);
}

// The child ends by exit(), which runs what destructors the libraries have.
TEST_P(ForkTest, ChildThatExitsDoesNotDisturb) {
  auto client = StartClient(IsSamehost(GetParam()));
  EXPECT_EQ(client->Ask("ping " + address_), Expected());
  EXPECT_EQ(client->Ask("hold " + address_ + " 3"), "OK");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client->Ask("fork_exit"), "OK");
  ExpectUndisturbed(*client);
  EXPECT_EQ(server().Stat("calls_started") - server().Stat("calls_finished"), 3u);
}

// A child that uses gRPC itself. Whether its call succeeds is up to gRPC (1.51 promises nothing,
// and does hang at times with its fork support); the parent must not notice either way.
TEST_P(ForkTest, ChildThatCallsDoesNotDisturb) {
  for (const char* fork_support : {"0", "1"}) {
    auto client =
        StartClient(IsSamehost(GetParam()), {}, {{"GRPC_ENABLE_FORK_SUPPORT", fork_support}});
    EXPECT_EQ(client->Ask("ping " + address_), Expected());
    std::string answer = client->Ask("fork_call " + address_);
    EXPECT_TRUE(answer == "no answer" || answer.rfind(Expected(), 0) == 0) << answer;
    ExpectUndisturbed(*client);
  }
}

TEST_P(ForkTest, ServerForks) {
  auto client = StartClient(IsSamehost(GetParam()));
  EXPECT_EQ(client->Ask("ping " + address_), Expected());
  pid_t child = std::stoi(server().process().Ask("fork"));
  ExpectUndisturbed(*client);
  // New connections go to the parent, too.
  EXPECT_EQ(client->Ask("fresh " + address_), Expected());
  kill(child, SIGKILL);
  EXPECT_EQ(client->Ask("ping " + address_), Expected());
}

// Programs that the client starts inherit nothing of the link.
TEST_P(ForkTest, NothingSurvivesExec) {
  auto stub = Stub();
  Ping(*stub);
  auto child = StartClient(false);
  EXPECT_EQ(child->Ask("stats"), "links_opened=0");  // it has started
  EXPECT_EQ(SamehostDescriptors(child->pid()), 0u);
  for (const std::string& target : Descriptors(child->pid())) {
    EXPECT_EQ(target.find("eventfd"), std::string::npos) << target;
    EXPECT_EQ(target.find("pidfd"), std::string::npos) << target;
  }
}

INSTANTIATE_TEST_SUITE_P(Over, MixedTest, AllTransports(), ParamName);
INSTANTIATE_TEST_SUITE_P(Over, ForkTest, AllTransports(), ParamName);

}  // namespace
}  // namespace samehost::testing
