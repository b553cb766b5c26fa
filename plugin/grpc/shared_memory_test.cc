// Connector, listener and transport together: calls through shared memory, in one process and
// between two; who the peer is; what call credentials and TLS replacement make of it.
#include <gtest/gtest.h>
#include <samehost/grpc.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "plugin/grpc/certificate_for_test.h"
#include "plugin/grpc/echo_for_test.h"
#include "plugin/grpc/server_process_for_test.h"

namespace samehost::grpc_transport::testing {
namespace {

using ::samehost::ChannelCredentials;
using ::samehost::ServerCredentials;

class SharedMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/samehost-shared-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    options_.directory = directory_;
    before_ = Stats();
  }
  void TearDown() override { (void)!system(("rm -rf " + directory_).c_str()); }

  std::shared_ptr<grpc::Channel> Channel(
      const std::string& target, std::shared_ptr<grpc::ChannelCredentials> fallback = nullptr,
      grpc::ChannelArguments arguments = OwnSubchannels()) {
    return grpc::CreateCustomChannel(target, ChannelCredentials(fallback, options_), arguments);
  }

  static void ExpectShared(const EchoResult& result, const std::string& payload) {
    ASSERT_TRUE(result.status.ok()) << result.status.error_message();
    EXPECT_EQ(result.reply, payload);
    ASSERT_EQ(result.auth_properties.count(kTransportProperty), 1u) << "it went over the socket";
    EXPECT_EQ(result.auth_properties.at(kTransportProperty), kTransportPropertyValue);
  }

  std::string directory_;
  Options options_;
  LinkStats before_;
};

TEST_F(SharedMemoryTest, OneProcess) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  ASSERT_TRUE(server.running());
  const auto channel = Channel(server.target());
  for (const std::string& payload :
       {std::string("hello"), std::string(), std::string(300000, 'x')}) {
    ExpectShared(Echo(channel, payload), payload);
  }
  EXPECT_EQ(ReasonFor(server.target()), "none");
  // A sender may count a message a moment after its receiver has it.
  while (Stats().messages_sent - before_.messages_sent < 6) std::this_thread::yield();
  EXPECT_EQ(Stats().links_opened - before_.links_opened, 2u) << "both ends are here";
  EXPECT_EQ(Stats().fallbacks, before_.fallbacks);
}

TEST_F(SharedMemoryTest, PeerAndAuthContextAreTheKernelsWord) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  const EchoResult result = Echo(Channel(server.target()), "who");
  ExpectShared(result, "who");
  const Seen seen = server.last();
  const std::string peer =
      "samehost:uid=" + std::to_string(geteuid()) + ",pid=" + std::to_string(getpid());
  EXPECT_EQ(seen.peer, peer);
  EXPECT_EQ(result.peer, peer);
  for (const auto& properties : {seen.auth_properties, result.auth_properties}) {
    EXPECT_EQ(properties.at("transport_security_type"), "insecure");
    EXPECT_EQ(properties.at("security_level"), "TSI_SECURITY_NONE");
    EXPECT_EQ(properties.at(kTransportProperty), kTransportPropertyValue);
    EXPECT_EQ(properties.at(kPeerUidProperty), std::to_string(geteuid()));
    EXPECT_EQ(properties.at(kPeerGidProperty), std::to_string(getegid()));
    EXPECT_EQ(properties.at(kPeerPidProperty), std::to_string(getpid()));
  }
  EXPECT_FALSE(seen.authenticated);
}

TEST_F(SharedMemoryTest, EveryKindOfAddress) {
  const std::string unix = "unix:" + directory_ + "/socket";
  const std::string abstract = "unix-abstract:samehost-test-" + std::to_string(getpid());
  for (const std::string& address : {unix, abstract}) {
    SCOPED_TRACE(address);
    EchoServer server(address, ServerCredentials(options_));
    ASSERT_TRUE(server.running());
    ExpectShared(Echo(Channel(address), address), address);
  }
  for (const char* address : {"localhost:0", "127.0.0.1:0", "0.0.0.0:0", "[::]:0"}) {
    SCOPED_TRACE(address);
    EchoServer server(address, ServerCredentials(options_));
    ASSERT_TRUE(server.running());
    const std::string target = "localhost:" + std::to_string(server.port());
    ExpectShared(Echo(Channel(target), address), address);
  }
}

TEST_F(SharedMemoryTest, StockClientsUseTheSameAddressAtTheSameTime) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  const auto stock = grpc::CreateCustomChannel(server.target(), grpc::InsecureChannelCredentials(),
                                               OwnSubchannels());
  const auto ours = Channel(server.target());
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(Echo(stock, "stock").status.ok());
    EXPECT_EQ(server.last().auth_properties.count(kTransportProperty), 0u);
    ExpectShared(Echo(ours, "ours"), "ours");
    EXPECT_EQ(server.last().auth_properties.count(kTransportProperty), 1u);
  }
}

TEST_F(SharedMemoryTest, ChannelsWithEqualSettingsShareOneLink) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  const auto a = Channel(server.target(), nullptr, grpc::ChannelArguments());
  const auto b = Channel(server.target(), nullptr, grpc::ChannelArguments());
  ExpectShared(Echo(a, "a"), "a");
  ExpectShared(Echo(b, "b"), "b");
  EXPECT_EQ(Stats().links_opened - before_.links_opened, 2u);
  options_.max_ring_bytes /= 2;
  const auto c = Channel(server.target(), nullptr, grpc::ChannelArguments());
  ExpectShared(Echo(c, "c"), "c");
  EXPECT_EQ(Stats().links_opened - before_.links_opened, 4u);
}

TEST_F(SharedMemoryTest, TheServerComesBackOnTheSameAddress) {
  auto server = std::make_unique<EchoServer>("127.0.0.1:0", ServerCredentials(options_));
  const std::string target = server->target();
  const auto channel = Channel(target);
  for (int round = 0; round < 3; ++round) {
    ExpectShared(Echo(channel, "round"), "round");
    server.reset();
    server = std::make_unique<EchoServer>(target, ServerCredentials(options_));
    ASSERT_TRUE(server->running());
  }
}

TEST_F(SharedMemoryTest, LinksEndWithTheirChannelsAndServers) {
  for (int round = 0; round < 20; ++round) {
    EchoServer server("127.0.0.1:0", ServerCredentials(options_));
    ExpectShared(Echo(Channel(server.target()), "x"), "x");
  }
  // The last channel's end may still be on its way through gRPC's threads.
  while (Stats().links_live != 0) std::this_thread::yield();
  EXPECT_EQ(Stats().links_opened - before_.links_opened, 40u);
}

TEST_F(SharedMemoryTest, ManyChannelsAtOnce) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        const std::string payload = std::to_string(t) + "." + std::to_string(i);
        ExpectShared(Echo(Channel(server.target()), payload), payload);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// ---- Credentials
// ---------------------------------------------------------------------------------

class Token final : public grpc::MetadataCredentialsPlugin {
 public:
  bool IsBlocking() const override { return false; }
  grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref, const grpc::AuthContext&,
                           std::multimap<grpc::string, grpc::string>* metadata) override {
    metadata->emplace("x-token", "secret");
    return grpc::Status::OK;
  }
};

std::shared_ptr<grpc::CallCredentials> MakeToken(grpc_security_level level) {
  return grpc::experimental::MetadataCredentialsFromPlugin(std::make_unique<Token>(), level);
}

struct CredentialCase {
  const char* name;
  std::shared_ptr<grpc::ChannelCredentials> (*client)();
  std::shared_ptr<grpc::ServerCredentials> (*server)();
  bool tls;
};
std::shared_ptr<grpc::ChannelCredentials> LocalClient() {
  return grpc::experimental::LocalCredentials(LOCAL_TCP);
}
std::shared_ptr<grpc::ServerCredentials> LocalServer() {
  return grpc::experimental::LocalServerCredentials(LOCAL_TCP);
}
const CredentialCase kCases[] = {
    {"insecure", grpc::InsecureChannelCredentials, grpc::InsecureServerCredentials, false},
    {"local", LocalClient, LocalServer, false},
    {"tls", SslClient, SslServer, true},
};

// Per-call credentials are taken and refused exactly as over the socket.
TEST_F(SharedMemoryTest, CallCredentialsAsOverTheFallback) {
  options_.replace_tls = true;
  for (const CredentialCase& c : kCases) {
    EchoServer server("127.0.0.1:0", ServerCredentials(c.server(), options_));
    ASSERT_TRUE(server.running());
    const auto arguments = c.tls ? SslArguments() : OwnSubchannels();
    const auto stock = grpc::CreateCustomChannel(server.target(), c.client(), arguments);
    const auto ours = Channel(server.target(), c.client(), arguments);
    for (const grpc_security_level level :
         {GRPC_SECURITY_NONE, GRPC_INTEGRITY_ONLY, GRPC_PRIVACY_AND_INTEGRITY}) {
      SCOPED_TRACE(std::string(c.name) + " level " + std::to_string(level));
      const auto with = [&](grpc::ClientContext* context) {
        context->set_credentials(MakeToken(level));
      };
      const EchoResult over_socket = Echo(stock, "call", with);
      const bool socket_sent = server.last().metadata.count("x-token") > 0;
      const EchoResult through_memory = Echo(ours, "call", with);
      EXPECT_EQ(through_memory.status.error_code(), over_socket.status.error_code());
      EXPECT_EQ(through_memory.status.error_message(), over_socket.status.error_message());
      if (!over_socket.status.ok()) continue;
      EXPECT_TRUE(socket_sent);
      EXPECT_EQ(server.last().metadata["x-token"], "secret");
      EXPECT_EQ(through_memory.auth_properties.count(kTransportProperty), 1u);
      EXPECT_EQ(through_memory.auth_properties.at("security_level"),
                over_socket.auth_properties.at("security_level"));
    }
  }
}

// Composite credentials, either way round.
TEST_F(SharedMemoryTest, CompositeCredentials) {
  options_.replace_tls = true;
  for (const CredentialCase& c : kCases) {
    EchoServer server("127.0.0.1:0", ServerCredentials(c.server(), options_));
    const auto arguments = c.tls ? SslArguments() : OwnSubchannels();
    const auto token = MakeToken(GRPC_SECURITY_NONE);
    std::vector<std::shared_ptr<grpc::ChannelCredentials>> all = {
        grpc::CompositeChannelCredentials(ChannelCredentials(c.client(), options_), token)};
    const auto inside = grpc::CompositeChannelCredentials(c.client(), token);
    if (inside != nullptr) all.push_back(ChannelCredentials(inside, options_));
    EXPECT_EQ(inside == nullptr, std::string(c.name) == "insecure") << "gRPC's own rule";
    for (const auto& credentials : all) {
      SCOPED_TRACE(c.name);
      const auto channel = grpc::CreateCustomChannel(server.target(), credentials, arguments);
      ExpectShared(Echo(channel, "composite"), "composite");
      EXPECT_EQ(server.last().metadata["x-token"], "secret");
    }
  }
}

TEST_F(SharedMemoryTest, LocalCredentialsLookAsOverTheSocket) {
  EchoServer server("127.0.0.1:0", ServerCredentials(LocalServer(), options_));
  const auto stock = grpc::CreateCustomChannel(server.target(), LocalClient(), OwnSubchannels());
  ASSERT_TRUE(Echo(stock, "stock").status.ok());
  const Seen over_socket = server.last();
  ExpectShared(Echo(Channel(server.target(), LocalClient()), "ours"), "ours");
  const Seen through_memory = server.last();
  EXPECT_EQ(through_memory.authenticated, over_socket.authenticated);
  for (const auto& [name, value] : over_socket.auth_properties) {
    EXPECT_EQ(through_memory.auth_properties.at(name), value) << name;
  }
}

TEST_F(SharedMemoryTest, LocalCredentialsForUnixSockets) {
  const std::string address = "unix:" + directory_ + "/socket";
  EchoServer server(address,
                    ServerCredentials(grpc::experimental::LocalServerCredentials(UDS), options_));
  ExpectShared(Echo(Channel(address, grpc::experimental::LocalCredentials(UDS)), "uds"), "uds");
}

TEST_F(SharedMemoryTest, TlsReplacedOnBothSides) {
  options_.replace_tls = true;
  EchoServer server("127.0.0.1:0", ServerCredentials(SslServer(), options_));
  const auto channel = Channel(server.target(), SslClient(), SslArguments());
  ExpectShared(Echo(channel, "replaced"), "replaced");
  const Seen seen = server.last();
  EXPECT_EQ(seen.auth_properties.at("transport_security_type"), "samehost");
  EXPECT_EQ(seen.auth_properties.at("security_level"), "TSI_PRIVACY_AND_INTEGRITY");
  EXPECT_FALSE(seen.authenticated) << "no certificate was shown";
  // A host that is not the channel's target: there is no certificate to ask.
  const EchoResult other = Echo(
      channel, "x", [](grpc::ClientContext* context) { context->set_authority("other.test"); });
  EXPECT_EQ(other.status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  // A stock TLS client at the same address is still TLS.
  const auto stock = grpc::CreateCustomChannel(server.target(), SslClient(), SslArguments());
  ASSERT_TRUE(Echo(stock, "tls").status.ok());
  EXPECT_EQ(server.last().auth_properties.at("transport_security_type"), "ssl");
}

// ---- Two processes
// -------------------------------------------------------------------------------

TEST_F(SharedMemoryTest, TwoProcesses) {
  ServerProcess server(directory_);
  const auto channel = Channel(server.target());
  const EchoResult first = Echo(channel, "hello");
  ExpectShared(first, "hello");
  EXPECT_EQ(first.auth_properties.at(kPeerPidProperty), std::to_string(server.pid()));
  for (int i = 0; i < 200; ++i) ExpectShared(Echo(channel, "again"), "again");
  EXPECT_EQ(Stats().links_opened - before_.links_opened, 1u);
}

TEST_F(SharedMemoryTest, AKilledServerEndsTheLinkAndTheNextOneIsFound) {
  auto first = std::make_unique<ServerProcess>(directory_);
  const auto channel = Channel(first->target());
  ExpectShared(Echo(channel, "first"), "first");
  first->Kill();
  const EchoResult none = Echo(
      channel, "none", [](grpc::ClientContext* context) { context->set_wait_for_ready(false); });
  EXPECT_EQ(none.status.error_code(), grpc::StatusCode::UNAVAILABLE) << none.status.error_message();
  while (Stats().links_live != 0) std::this_thread::yield();
  ServerProcess second(directory_);
  ExpectShared(Echo(Channel(second.target()), "second"), "second");
}

// Rendezvous that wait for a stopped server hold up nobody else.
TEST_F(SharedMemoryTest, AStoppedServerIsNobodyElsesTrouble) {
  ServerProcess stopped(directory_);
  ServerProcess well(directory_);
  stopped.Stop();
  std::vector<std::shared_ptr<grpc::Channel>> waiting;
  for (int i = 0; i < 8; ++i) {
    waiting.push_back(Channel(stopped.target()));
    waiting.back()->GetState(/*try_to_connect=*/true);
  }
  ExpectShared(Echo(Channel(well.target()), "well"), "well");
  stopped.Kill();
}

// A stopped server accepts into its backlog and never answers: bounded, then the socket's turn.
TEST_F(SharedMemoryTest, AStoppedServerBoundsTheRendezvous) {
  ServerProcess server(directory_);
  server.Stop();
  const auto channel = Channel(server.target());
  std::thread later([&] {
    // The reason is recorded when the rendezvous has given up; only then does the server go on.
    while (Stats().fallbacks == before_.fallbacks) std::this_thread::yield();
    server.Continue();
  });
  const EchoResult result = Echo(channel, "late");
  later.join();
  EXPECT_TRUE(result.status.ok()) << result.status.error_message();
  EXPECT_EQ(ReasonFor(server.target()), "handshake_timeout") << DetailFor(server.target());
}

}  // namespace
}  // namespace samehost::grpc_transport::testing
