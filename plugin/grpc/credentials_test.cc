// The credentials objects: what can be wrapped, what comes out, which channels share connections.
#include <gmock/gmock.h>
#include <grpc/grpc_security.h>
#include <gtest/gtest.h>
#include <samehost/grpc.h>

#include <memory>
#include <string>

#include "plugin/grpc/certificate_for_test.h"
#include "plugin/grpc/client_credentials.h"
#include "plugin/grpc/echo_for_test.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/cpp/client/secure_credentials.h"

namespace samehost::grpc_transport::testing {
namespace {

using ::samehost::ChannelCredentials;
using ::samehost::ServerCredentials;

// Nobody announces anything here: every call runs over the socket.
Options NoRendezvous() {
  Options options;
  options.directory = "/nonexistent/samehost";
  return options;
}

grpc_channel_credentials* Core(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  auto* secure = dynamic_cast<grpc::SecureChannelCredentials*>(credentials.get());
  return secure == nullptr ? nullptr : secure->GetRawCreds();
}

int Compare(const std::shared_ptr<grpc::ChannelCredentials>& a,
            const std::shared_ptr<grpc::ChannelCredentials>& b) {
  grpc_core::ExecCtx exec_ctx;
  return Core(a)->cmp(Core(b));
}

TEST(ChannelCredentials, EveryKindOfGrpcsOwnIsWrapped) {
  for (const auto& fallback :
       {std::shared_ptr<grpc::ChannelCredentials>(), grpc::InsecureChannelCredentials(),
        grpc::experimental::LocalCredentials(UDS), grpc::experimental::LocalCredentials(LOCAL_TCP),
        SslClient(),
        grpc::CompositeChannelCredentials(SslClient(), grpc::AccessTokenCredentials("token"))}) {
    const auto wrapped = ChannelCredentials(fallback);
    ASSERT_NE(wrapped, nullptr);
    ASSERT_NE(wrapped, fallback);
    EXPECT_NE(dynamic_cast<SamehostChannelCredentials*>(Core(wrapped)), nullptr);
  }
}

TEST(ChannelCredentials, EqualOnesCompareEqualAndOthersDoNot) {
  const auto plain = ChannelCredentials();
  EXPECT_EQ(Compare(plain, ChannelCredentials(grpc::InsecureChannelCredentials())), 0);
  Options bigger;
  bigger.max_ring_bytes *= 2;
  EXPECT_NE(Compare(plain, ChannelCredentials(bigger)), 0);
  EXPECT_EQ(Compare(plain, ChannelCredentials(bigger)) < 0,
            Compare(ChannelCredentials(bigger), plain) > 0);
  Options user;
  user.allowed_users = {12345};
  EXPECT_NE(Compare(plain, ChannelCredentials(user)), 0);
  // As the stock ones: one SSL object equals itself, and no other.
  const auto ssl = SslClient();
  EXPECT_EQ(Compare(ChannelCredentials(ssl), ChannelCredentials(ssl)), 0);
  EXPECT_NE(Compare(ChannelCredentials(ssl), ChannelCredentials()), 0);
  EXPECT_NE(
      Compare(plain, grpc::internal::WrapChannelCredentials(grpc_insecure_credentials_create())),
      0);
}

TEST(ChannelCredentials, WrappedTwiceTheOuterOptionsHold) {
  Options outer;
  outer.max_ring_bytes *= 4;
  const auto twice = ChannelCredentials(ChannelCredentials(), outer);
  EXPECT_EQ(Compare(twice, ChannelCredentials(outer)), 0);
}

TEST(ChannelCredentials, WithoutCallCredentialsTheyKeepOptionsAndFallback) {
  grpc_core::ExecCtx exec_ctx;
  const auto ssl = SslClient();
  const auto composite =
      ChannelCredentials(grpc::CompositeChannelCredentials(ssl, grpc::AccessTokenCredentials("t")));
  const auto bare = Core(composite)->duplicate_without_call_credentials();
  EXPECT_EQ(bare->cmp(Core(ChannelCredentials(ssl))), 0);
  const auto plain = ChannelCredentials();
  EXPECT_EQ(Core(plain)->duplicate_without_call_credentials().get(), Core(plain));
}

class UserChannelCredentials final : public grpc::ChannelCredentials {
 private:
  grpc::SecureChannelCredentials* AsSecureCredentials() override { return nullptr; }
  std::shared_ptr<grpc::Channel> CreateChannelImpl(const std::string& target,
                                                   const grpc::ChannelArguments& args) override {
    return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), args);
  }
};

TEST(ChannelCredentials, UserWrittenOnesComeBackWithTheReason) {
  EchoServer server("127.0.0.1:0", grpc::InsecureServerCredentials());
  const auto own = std::make_shared<UserChannelCredentials>();
  const auto result = ChannelCredentials(own, NoRendezvous());
  EXPECT_EQ(result, own);
  EXPECT_EQ(ReasonFor("(channel credentials)"), "credentials_not_wrappable");
  const EchoResult echo = Echo(grpc::CreateChannel(server.target(), result), "own");
  EXPECT_TRUE(echo.status.ok()) << echo.status.error_message();
}

class UserServerCredentials final : public grpc::ServerCredentials {
 public:
  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& processor) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    grpc_server_credentials* insecure = grpc_insecure_server_credentials_create();
    const int port = grpc_server_add_http2_port(server, address.c_str(), insecure);
    grpc_server_credentials_release(insecure);
    return port;
  }
};

TEST(ServerCredentials, UserWrittenOnesComeBackWithTheReason) {
  const auto own = std::make_shared<UserServerCredentials>();
  const auto result = ServerCredentials(own, NoRendezvous());
  EXPECT_EQ(result, own);
  EXPECT_EQ(ReasonFor("(server credentials)"), "credentials_not_wrappable");
  EchoServer server("127.0.0.1:0", result);
  EXPECT_TRUE(Echo(CreateChannel(server.target(), NoRendezvous()), "own").status.ok());
}

TEST(ServerCredentials, EveryKindListens) {
  for (const auto& fallback :
       {std::shared_ptr<grpc::ServerCredentials>(), grpc::InsecureServerCredentials(),
        grpc::experimental::LocalServerCredentials(LOCAL_TCP), SslServer()}) {
    const auto wrapped = ServerCredentials(fallback, NoRendezvous());
    ASSERT_NE(wrapped, fallback);
    EchoServer server("127.0.0.1:0", wrapped);
    ASSERT_TRUE(server.running());
    EXPECT_GT(server.port(), 0);
  }
}

TEST(ServerCredentials, AddressesAreThoseOfTheStockPort) {
  const auto credentials = ServerCredentials(NoRendezvous());
  for (const char* address : {"127.0.0.1:0", "localhost:0", "0.0.0.0:0", "[::]:0", "*:0"}) {
    SCOPED_TRACE(address);
    EchoServer stock(address, grpc::InsecureServerCredentials());
    EchoServer ours(address, credentials);
    EXPECT_EQ(ours.running(), stock.running());
    if (!ours.running()) continue;
    EXPECT_GT(ours.port(), 0);
    const auto channel =
        grpc::CreateCustomChannel("localhost:" + std::to_string(ours.port()),
                                  grpc::InsecureChannelCredentials(), OwnSubchannels());
    EXPECT_TRUE(Echo(channel, address).status.ok());
  }
}

TEST(ServerCredentials, APortThatCannotBeHadIsAFailureAsEver) {
  EchoServer first("127.0.0.1:0", ServerCredentials(NoRendezvous()));
  const auto no_reuse = [](grpc::ServerBuilder* b) {
    b->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  };
  EchoServer second(first.target(), ServerCredentials(NoRendezvous()), no_reuse);
  EXPECT_FALSE(second.running());
  EXPECT_EQ(second.port(), 0);
  EchoServer nonsense("256.256.256.256:x", ServerCredentials(NoRendezvous()));
  EXPECT_FALSE(nonsense.running());
}

TEST(ServerCredentials, OneObjectForManyPortsAndServers) {
  const auto credentials = ServerCredentials(NoRendezvous());
  int more = 0;
  EchoServer a("127.0.0.1:0", credentials, [&](grpc::ServerBuilder* builder) {
    builder->AddListeningPort("127.0.0.1:0", credentials, &more);
  });
  EchoServer b("127.0.0.1:0", credentials);
  const auto client = ChannelCredentials(NoRendezvous());
  EXPECT_TRUE(Echo(grpc::CreateChannel(a.target(), client), "a").status.ok());
  EXPECT_TRUE(
      Echo(grpc::CreateChannel("127.0.0.1:" + std::to_string(more), client), "more").status.ok());
  EXPECT_TRUE(Echo(grpc::CreateChannel(b.target(), client), "b").status.ok());
}

class CountingProcessor final : public grpc::AuthMetadataProcessor {
 public:
  explicit CountingProcessor(bool refuse) : refuse_(refuse) {}
  bool IsBlocking() const override { return false; }
  grpc::Status Process(const InputMetadata&, grpc::AuthContext*, OutputMetadata*,
                       OutputMetadata*) override {
    ++calls;
    return refuse_ ? grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "not you") : grpc::Status::OK;
  }
  std::atomic<int> calls{0};

 private:
  const bool refuse_;
};

TEST(ServerCredentials, TheMetadataProcessorIsTheFallbacks) {
  for (const bool refuse : {false, true}) {
    const auto credentials =
        ServerCredentials(grpc::experimental::LocalServerCredentials(LOCAL_TCP), NoRendezvous());
    const auto processor = std::make_shared<CountingProcessor>(refuse);
    credentials->SetAuthMetadataProcessor(processor);
    EchoServer server("127.0.0.1:0", credentials);
    const auto channel = grpc::CreateCustomChannel(
        server.target(),
        ChannelCredentials(grpc::experimental::LocalCredentials(LOCAL_TCP), NoRendezvous()),
        OwnSubchannels());
    const EchoResult result = Echo(channel, "x");
    EXPECT_EQ(result.status.error_code(),
              refuse ? grpc::StatusCode::UNAUTHENTICATED : grpc::StatusCode::OK);
    EXPECT_EQ(processor->calls.load(), 1);
  }
}

}  // namespace
}  // namespace samehost::grpc_transport::testing
