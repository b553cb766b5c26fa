// Every reason for not using shared memory that can be brought about from outside: each time the
// call succeeds over the address it was given, the reason can be read in code, and it is logged
// once. (Reasons that need another build or other credentials have their tests beside the code.)
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "plugin/tests/harness/behaviour_fixture.h"

namespace samehost::testing {
namespace {

class FallbackTest : public BehaviourTest {
 protected:
  void SetUp() override {
    BehaviourTest::SetUp();
    expect_shared_memory = false;
    log_ = ProcessDirectory() + "/client.log";
    std::filesystem::remove(log_);
  }

  void StartClient(std::vector<std::string> flags = {},
                   std::map<std::string, std::string> environment = {}) {
    ChildProcess::Options options;
    options.program = "behaviour_client_samehost";
    options.flags = std::move(flags);
    options.environment = std::move(environment);
    options.environment["SAMEHOST_LOG"] = "info";
    options.stderr_file = log_;
    client_ = std::make_unique<ChildProcess>(options);
  }
  // The kind of server that this test's address would have without samehost.
  TransportKind StockKind() const {
    return IsUnix(GetParam()) ? TransportKind::kStockUnix : TransportKind::kStockTcp;
  }
  // Calls from several channels succeed, and the reason is `reason`.
  void ExpectFallback(ServerProcess& server, const std::string& reason) {
    for (int i = 0; i < 3; ++i) ExpectAnswerFrom(server);
    Counters counters = client_->AskCounters();
    EXPECT_EQ(counters["links_opened"], 0u);
    EXPECT_GE(counters["fallbacks"], 1u);
    std::string fallbacks = client_->Ask("fallbacks");
    EXPECT_NE(fallbacks.find(Resolved(server) + " " + reason + " "), std::string::npos)
        << "expected " << reason << " for " << Resolved(server) << " in " << fallbacks;
    EXPECT_EQ(LogLines(reason), 1) << Log();
  }
  void ExpectAnswerFrom(ServerProcess& server) {
    EXPECT_EQ(client_->Ask("fresh " + server.target()), "OK " + std::to_string(server.pid()));
  }
  void ExpectLink(ServerProcess& server) {
    ExpectAnswerFrom(server);
    EXPECT_EQ(client_->AskCounters()["links_opened"], 1u) << client_->Ask("fallbacks");
  }
  static std::string Resolved(ServerProcess& server) { return server.target(); }
  std::string Log() const {
    std::stringstream text;
    text << std::ifstream(log_).rdbuf();
    return text.str();
  }
  int LogLines(const std::string& reason) const {
    std::istringstream in(Log());
    int count = 0;
    for (std::string line; std::getline(in, line);) {
      count += line.find(reason) != std::string::npos;
    }
    return count;
  }
  ChildProcess& client() { return *client_; }

 private:
  std::unique_ptr<ChildProcess> client_;
  std::string log_;
};

// Before all others: in this setting there is no fallback.
TEST_P(FallbackTest, NoneWhenAllIsWell) {
  StartServer();
  StartClient();
  ExpectLink(server());
  EXPECT_EQ(client().AskCounters()["fallbacks"], 0u);
  EXPECT_EQ(LogLines("fallback"), 0) << Log();
}

TEST_P(FallbackTest, StockServer) {
  ServerOptions options;
  options.transport = StockKind();
  ServerProcess stock(options);
  StartClient();
  ExpectFallback(stock, "server_not_found");
}

int SocketsOf(pid_t pid) {
  int count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    std::error_code gone;
    count += std::filesystem::read_symlink(entry, gone).string().rfind("socket:", 0) == 0;
  }
  return count;
}

// A connection may wait for its server. Whether there is shared memory is decided when it is made,
// not when it was asked for.
TEST_P(FallbackTest, ServerThatComesWhileTheSocketConnects) {
  const std::string directory = ProcessDirectory() + "/late", hidden = directory + ".hidden";
  std::filesystem::create_directory(directory);
  ServerOptions options;
  options.transport = GetParam();
  options.flags = {"--directory=" + directory};
  ServerProcess server(options);
  std::filesystem::rename(directory, hidden);
  server.process().Signal(SIGSTOP);  // the kernel accepts, the server says nothing
  StartClient({"--directory=" + directory});
  client().Ask("fallbacks");  // it runs
  const int sockets = SocketsOf(client().pid());
  client().Tell("ping " + server.target());
  WAIT_UNTIL(SocketsOf(client().pid()) > sockets);  // the first look is over
  std::filesystem::rename(hidden, directory);
  server.process().Signal(SIGCONT);
  EXPECT_EQ(client().Hear(), "OK " + std::to_string(server.pid()));
  Counters counters = client().AskCounters();
  EXPECT_EQ(counters["links_live"], 1u) << client().Ask("fallbacks");
  EXPECT_GE(counters["messages_sent"], 1u);
  WAIT_UNTIL(SocketsOf(client().pid()) == sockets + 1);  // the link's; the other connection is gone
}

TEST_P(FallbackTest, NoRendezvousDirectory) {
  StartServer();
  StartClient({"--directory=" + ProcessDirectory() + "/missing"});
  ExpectFallback(server(), "no_rendezvous_directory");
}

TEST_P(FallbackTest, DirectoryThatOthersMayWrite) {
  StartServer();
  std::string directory = ProcessDirectory() + "/open";
  std::filesystem::create_directory(directory);
  ASSERT_EQ(chmod(directory.c_str(), 0777), 0);
  StartClient({"--directory=" + directory});
  ExpectFallback(server(), "directory_refused");
}

TEST_P(FallbackTest, ServerWithoutDirectory) {
  ServerOptions options;
  options.transport = GetParam();
  options.flags = {"--directory=" + ProcessDirectory() + "/missing/too"};
  ServerProcess server(options);
  StartClient();
  ExpectFallback(server, "server_not_found");
  EXPECT_NE(server.process().Ask("fallbacks").find("no_rendezvous_directory"), std::string::npos);
}

TEST_P(FallbackTest, SwitchedOffInTheClientsEnvironment) {
  StartServer();
  StartClient({}, {{"SAMEHOST", "off"}});
  ExpectFallback(server(), "switched_off");
}

TEST_P(FallbackTest, SwitchedOffInTheServersEnvironment) {
  ServerOptions options;
  options.transport = GetParam();
  options.environment = {{"SAMEHOST", "off"}};
  ServerProcess server(options);
  StartClient();
  ExpectFallback(server, "server_not_found");
}

TEST_P(FallbackTest, SwitchedOffByTheServersOptions) {
  StartServer({"--disabled"});
  StartClient();
  ExpectFallback(server(), "server_not_found");
}

TEST_P(FallbackTest, ExcludedAddress) {
  StartServer();
  StartClient({}, {{"SAMEHOST_EXCLUDE", "1.2.3.4:5," + server().target()}});
  ExpectFallback(server(), "switched_off");
  // Another address is not concerned.
  ServerOptions options;
  options.transport = GetParam();
  ServerProcess other(options);
  ExpectLink(other);
}

TEST_P(FallbackTest, ExcludedPort) {
  if (IsUnix(GetParam())) GTEST_SKIP() << "no port";
  StartServer();
  StartClient({}, {{"SAMEHOST_EXCLUDE", server().target().substr(server().target().rfind(':'))}});
  ExpectFallback(server(), "switched_off");
}

// The polling engine is another one: nobody would look at the rings.
TEST_P(FallbackTest, OtherPollingEngine) {
  StartServer();
  StartClient({}, {{"GRPC_POLL_STRATEGY", "poll"}});
  ExpectFallback(server(), "polling_engine");
}

// The dead server's entry is still there when a stock server has taken its place.
TEST_P(FallbackTest, DeadServersEntry) {
  std::string address = StartServer().target();
  server().process().Kill();
  ServerOptions options;
  options.transport = StockKind();
  options.address = address;
  ServerProcess stock(options);
  StartClient();
  ExpectAnswerFrom(stock);
  std::string fallbacks = client().Ask("fallbacks");
  EXPECT_TRUE(fallbacks.find("stale_entry") != std::string::npos ||
              fallbacks.find("server_not_found") != std::string::npos)
      << fallbacks;
  EXPECT_EQ(client().AskCounters()["links_opened"], 0u);
}

// Another address with the same port belongs to another server; whoever would confuse them would
// talk to the wrong one.
TEST_P(FallbackTest, AliasWithTheSamePort) {
  if (IsUnix(GetParam())) GTEST_SKIP() << "no port";
  std::string target = StartServer().target();
  std::string port = target.substr(target.rfind(':'));
  ServerOptions options;
  options.transport = StockKind();
  options.address = "127.251" +
                    target.substr(target.find('.', 4), target.rfind(':') - target.find('.', 4)) +
                    port;
  ServerProcess alias(options);
  StartClient();
  ExpectFallback(alias, "server_not_found");
  ExpectLink(server());
}

// A stopped server cannot shake hands; the call waits for it no longer than over the stock port.
TEST_P(FallbackTest, HandshakeTimeout) {
  StartServer();
  StartClient();
  server().process().Signal(SIGSTOP);
  client().Tell("fresh " + server().target());
  EXPECT_TRUE(WaitUntil([&] { return LogLines("handshake_timeout") == 1; }, "it has timed out"))
      << Log();
  server().process().Signal(SIGCONT);
  EXPECT_EQ(client().Hear(), "OK " + std::to_string(server().pid()));
}

// However few descriptors are left in the client: a call that gRPC alone could make is made.
TEST_P(FallbackTest, ClientOutOfDescriptors) {
  StartServer();
  // The most that gRPC alone could not do with; its threads open some at the same time, so that
  // it may succeed with fewer.
  int too_few = 0;
  for (int left = 1; left <= 4; ++left) {
    for (int i = 0; i < 3 && too_few < left; ++i) {
      StartClient({"--stock", "--timeout=2000"});
      ExpectAnswerFrom(server());  // whatever gRPC opens for itself is open now
      ASSERT_EQ(client().Ask("limit " + std::to_string(left)), "OK");
      client().Tell("fresh " + server().target());
      // Nothing at all, should gRPC abort.
      if (client().Hear() != "OK " + std::to_string(server().pid())) too_few = left;
    }
  }
  std::string reasons;
  for (int left = too_few + 1; left <= 24; ++left) {
    StartClient();
    ExpectAnswerFrom(server());
    ASSERT_EQ(client().Ask("limit " + std::to_string(left)), "OK");
    const std::string answer = client().Ask("fresh " + server().target());
    reasons += std::to_string(left) + " left: " + client().Ask("fallbacks") + "\n";
    EXPECT_EQ(answer, "OK " + std::to_string(server().pid())) << reasons;
  }
  EXPECT_NE(reasons.find("descriptors_short"), std::string::npos) << reasons;
  EXPECT_EQ(client().AskCounters()["links_opened"], 2u) << reasons;  // 24 are plenty
}

// And in the server: gRPC's own listener, which would never accept again after a single EMFILE,
// always finds one.
TEST_P(FallbackTest, ServerOutOfDescriptors) {
  std::string reasons;
  for (int left = 2; left <= 24; ++left) {
    StartServer();
    // Whatever gRPC opens for itself is open now. (Kept: what is closed later would add to the
    // rest.)
    auto stock = Behaviour::NewStub(MakeChannel(StockKind(), server().target()));
    Ping(*stock);
    ASSERT_EQ(server().process().Ask("limit " + std::to_string(left)), "OK");
    StartClient();
    const std::string answer = client().Ask("fresh " + server().target());
    reasons += std::to_string(left) + " left: " + client().Ask("fallbacks") + "\n";
    EXPECT_EQ(answer, "OK " + std::to_string(server().pid())) << reasons;
  }
  EXPECT_NE(reasons.find("descriptors_short"), std::string::npos) << reasons;
  EXPECT_EQ(client().AskCounters()["links_opened"], 1u) << reasons;
}

// A memory cgroup that has room for the client and not for the rings it would like.
class MemoryCgroup {
 public:
  explicit MemoryCgroup(uint64_t bytes) {
    std::string name = "samehost-test-" + std::to_string(getpid());
    if (std::filesystem::exists("/sys/fs/cgroup/cgroup.controllers")) {
      path_ = "/sys/fs/cgroup/" + name;
      limit_ = "memory.max";
    } else {
      path_ = "/sys/fs/cgroup/memory/" + name;
      limit_ = "memory.limit_in_bytes";
    }
    std::error_code error;
    usable_ = std::filesystem::create_directory(path_, error) && Write(limit_, bytes);
  }
  ~MemoryCgroup() { rmdir(path_.c_str()); }
  bool Add(pid_t pid) { return usable_ && Write("cgroup.procs", static_cast<uint64_t>(pid)); }

 private:
  bool Write(const std::string& file, uint64_t value) {
    std::ofstream out(path_ + "/" + file);
    out << value << std::flush;
    return out.good();
  }
  std::string path_, limit_;
  bool usable_ = false;
};

TEST_P(FallbackTest, CgroupWithoutHeadroom) {
  MemoryCgroup cgroup(64 << 20);
  StartServer();
  StartClient({"--ring=67108864"});
  if (!cgroup.Add(client().pid())) GTEST_SKIP() << "memory cgroups are not ours to make here";
  ExpectFallback(server(), "memory_short");
  client().Kill();  // before the cgroup goes
}

// Users who do not accept each other, one side or both, and users who do. Root may be anybody.
class OtherUserTest : public FallbackTest {
 protected:
  static constexpr int kServerUser = 64001, kClientUser = 64002;

  void SetUp() override {
    FallbackTest::SetUp();
    if (geteuid() != 0) GTEST_SKIP() << "needs root to be other users";
    base_ = ProcessDirectory() + "/shared";
    std::filesystem::create_directory(base_);
    ASSERT_EQ(chmod(base_.c_str(), 01777), 0);
  }
  void Run(std::vector<std::string> server_flags, std::vector<std::string> client_flags) {
    server_flags.push_back("--uid=" + std::to_string(kServerUser));
    client_flags.push_back("--uid=" + std::to_string(kClientUser));
    for (auto* flags : {&server_flags, &client_flags}) flags->push_back("--directory=" + base_);
    ServerOptions options;
    options.transport = GetParam();
    // A socket file of that user, in a place where he may make one.
    if (IsUnix(GetParam())) options.address = "unix:" + base_ + "/server.sock";
    options.flags = server_flags;
    user_server_ = std::make_unique<ServerProcess>(options);
    if (IsUnix(GetParam())) chmod((base_ + "/server.sock").c_str(), 0777);
    StartClient(client_flags);
  }
  static std::string Allow(int user) { return "--allow_user=" + std::to_string(user); }
  std::unique_ptr<ServerProcess> user_server_;

 private:
  std::string base_;
};

TEST_P(OtherUserTest, ServerRefusesTheClient) {
  Run({}, {Allow(kServerUser)});
  ExpectFallback(*user_server_, "peer_refused_user");
}

TEST_P(OtherUserTest, ClientRefusesTheServer) {
  Run({Allow(kClientUser)}, {});
  ExpectFallback(*user_server_, "we_refused_user");
}

TEST_P(OtherUserTest, BothAccept) {
  Run({Allow(kClientUser)}, {Allow(kServerUser)});
  ExpectLink(*user_server_);
  EXPECT_EQ(client().Ask("hold " + user_server_->target() + " 3"), "OK");
}

INSTANTIATE_TEST_SUITE_P(Over, FallbackTest, SamehostTransports(), ParamName);
INSTANTIATE_TEST_SUITE_P(Over, OtherUserTest, SamehostTransports(), ParamName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(FallbackTest);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(OtherUserTest);

}  // namespace
}  // namespace samehost::testing
