// The life of connections as the server's arguments and its shutdown decide it, and what it grants
// to calls: concurrent streams, memory, credentials.
#include <grpcpp/security/credentials.h>

#include <atomic>
#include <thread>

#include "plugin/tests/harness/behaviour_fixture.h"

namespace samehost::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

system_clock::time_point Soon() {
  return system_clock::now() + std::chrono::seconds(30 * kSlowness);
}

// A call on its own thread that the server holds until "release".
class HeldCall {
 public:
  explicit HeldCall(Behaviour::Stub* stub, system_clock::time_point deadline = Soon()) {
    context_.set_deadline(deadline);
    Request request;
    request.set_payload("held");
    request.mutable_script()->set_hold(true);
    thread_ =
        std::thread([this, stub, request] { status_ = stub->Unary(&context_, request, &reply_); });
  }
  grpc::Status Join() {
    thread_.join();
    return status_;
  }

 private:
  grpc::ClientContext context_;
  Reply reply_;
  grpc::Status status_;
  std::thread thread_;
};

class ServerLifecycleTest : public BehaviourTest {
 protected:
  // The channel's connection ends and a later call makes a new one.
  void ExpectIdleAndBack(const std::vector<std::string>& flags, ChannelOptions options,
                         int rounds) {
    StartServer(flags);
    auto channel = Channel(std::move(options));
    auto stub = Behaviour::NewStub(channel);
    for (int round = 0; round < rounds; ++round) {
      Ping(*stub);
      ASSERT_TRUE(AwaitState(*channel, GRPC_CHANNEL_IDLE));
    }
    Ping(*stub);
  }
};

TEST_P(ServerLifecycleTest, GracefulShutdownLetsCallsFinish) {
  std::string address = StartServer().target();
  auto channel = Channel();
  auto stub = Behaviour::NewStub(channel);
  HeldCall held(stub.get());
  WAIT_UNTIL(server().Stat("messages_read") == 1);
  server().process().Tell("shutdown -1");
  // Told to go away, with one call still under way.
  EXPECT_TRUE(channel->WaitForStateChange(GRPC_CHANNEL_READY, Soon()));
  Reply reply;
  grpc::ClientContext context;
  EXPECT_EQ(stub->Unary(&context, Payload(1), &reply).error_code(), grpc::StatusCode::UNAVAILABLE);
  server().process().Tell("release");
  grpc::Status status = held.Join();
  EXPECT_TRUE(status.ok()) << status.error_code() << " " << status.error_message();
  EXPECT_EQ(server().process().Hear(), "down");
  expect_shared_memory = false;  // calls after the shutdown fall back, and fail
}

// A stream under way goes on through the go-away, both ways.
TEST_P(ServerLifecycleTest, GracefulShutdownDrainsStreams) {
  StartServer();
  auto channel = Channel();
  auto stub = Behaviour::NewStub(channel);
  grpc::ClientContext context;
  auto stream = stub->BidiStream(&context);
  Reply reply;
  ASSERT_TRUE(stream->Write(Payload(10)));
  ASSERT_TRUE(stream->Read(&reply));
  server().process().Tell("shutdown -1");
  EXPECT_TRUE(channel->WaitForStateChange(GRPC_CHANNEL_READY, Soon()));
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(stream->Write(Payload(10'000, i)));
    ASSERT_TRUE(stream->Read(&reply));
    ASSERT_EQ(reply.payload(), Payload(10'000, i).payload());
  }
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(server().process().Hear(), "down");
}

TEST_P(ServerLifecycleTest, ShutdownDeadlineCancelsCalls) {
  StartServer();
  auto stub = Stub();
  HeldCall held(stub.get());
  WAIT_UNTIL(server().Stat("messages_read") == 1);
  server().process().Tell("shutdown 100");
  grpc::Status status = held.Join();
  EXPECT_TRUE(status.error_code() == grpc::StatusCode::UNAVAILABLE ||
              status.error_code() == grpc::StatusCode::CANCELLED)
      << status.error_code() << " " << status.error_message();
  EXPECT_EQ(server().process().Hear(), "down");
}

TEST_P(ServerLifecycleTest, MaxConnectionAge) {
  ExpectIdleAndBack({"--int_arg=" GRPC_ARG_MAX_CONNECTION_AGE_MS ":100"}, {}, 3);
}

TEST_P(ServerLifecycleTest, MaxConnectionIdle) {
  ExpectIdleAndBack({"--int_arg=" GRPC_ARG_MAX_CONNECTION_IDLE_MS ":100"}, {}, 3);
}

TEST_P(ServerLifecycleTest, ClientIdleTimeout) {
  ChannelOptions options;
  options.arguments.SetInt(GRPC_ARG_CLIENT_IDLE_TIMEOUT_MS, 1000);  // the least that gRPC takes
  ExpectIdleAndBack({}, std::move(options), 1);  // 1.51 starts its timer only once
}

// A call outlives the age of its connection by the grace, and no longer.
TEST_P(ServerLifecycleTest, MaxConnectionAgeGrace) {
  StartServer({"--int_arg=" GRPC_ARG_MAX_CONNECTION_AGE_MS ":100",
               "--int_arg=" GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS ":200"});
  auto stub = Stub();
  HeldCall held(stub.get());
  grpc::Status status = held.Join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  WAIT_UNTIL(server().Stat("calls_finished") == server().Stat("calls_started"));
}

TEST_P(ServerLifecycleTest, KeepaliveOfAHealthyConnection) {
  StartServer({"--int_arg=" GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS ":10",
               "--int_arg=" GRPC_ARG_HTTP2_MAX_PING_STRIKES ":0",
               "--int_arg=" GRPC_ARG_KEEPALIVE_TIME_MS ":100",
               "--int_arg=" GRPC_ARG_KEEPALIVE_TIMEOUT_MS ":5000",
               "--int_arg=" GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS ":1"});
  ChannelOptions options;
  options.arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 100);
  options.arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5000 * kSlowness);
  options.arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  options.arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  auto channel = Channel(std::move(options));
  auto stub = Behaviour::NewStub(channel);
  HeldCall held(stub.get());
  WAIT_UNTIL(server().Stat("messages_read") == 1);
  // Some pings with a call, and some without.
  EXPECT_FALSE(
      channel->WaitForStateChange(GRPC_CHANNEL_READY, system_clock::now() + milliseconds(1000)));
  server().process().Tell("release");
  EXPECT_TRUE(held.Join().ok());
  EXPECT_FALSE(
      channel->WaitForStateChange(GRPC_CHANNEL_READY, system_clock::now() + milliseconds(500)));
  Ping(*stub);
}

TEST_P(ServerLifecycleTest, MaxConcurrentStreams) {
  StartServer({"--int_arg=" GRPC_ARG_MAX_CONCURRENT_STREAMS ":2"});
  auto stub = Stub();
  Ping(*stub);
  HeldCall first(stub.get()), second(stub.get());
  WAIT_UNTIL(server().Stat("messages_read") == 3);
  // The third waits at the client until its deadline; the server never hears of it.
  grpc::ClientContext context;
  context.set_deadline(system_clock::now() + milliseconds(200));
  Reply reply;
  EXPECT_EQ(stub->Unary(&context, Payload(1), &reply).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(server().Stat("calls_started"), 3u);
  // The fourth waits until there is room.
  HeldCall fourth(stub.get());
  server().process().Tell("release");
  EXPECT_TRUE(first.Join().ok());
  EXPECT_TRUE(second.Join().ok());
  EXPECT_TRUE(fourth.Join().ok());
  EXPECT_EQ(server().Stat("calls_started"), 4u);
}

// Under a small quota a call with a large message succeeds or is refused for that reason; nothing
// else happens, and the connection lives.
TEST_P(ServerLifecycleTest, ResourceQuota) {
  StartServer({"--quota_bytes=4000000"});
  auto stub = Stub();
  std::vector<std::thread> threads;
  std::atomic<int> ok{0}, refused{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 5; ++round) {
        grpc::ClientContext context;
        context.set_deadline(Soon());
        Reply reply;
        Request request = Payload(500'000, t * 100 + round);
        grpc::Status status = stub->Unary(&context, request, &reply);
        ok += status.ok() && reply.payload() == request.payload();
        // UNAVAILABLE: a connection without calls was given up while this call came in.
        refused += status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED ||
                   status.error_code() == grpc::StatusCode::UNAVAILABLE;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ok + refused, 8 * 5);
  EXPECT_GT(ok, 0);
  Ping(*stub);
}

class TokenPlugin final : public grpc::MetadataCredentialsPlugin {
 public:
  grpc::Status GetMetadata(grpc::string_ref, grpc::string_ref method, const grpc::AuthContext&,
                           std::multimap<std::string, std::string>* metadata) override {
    metadata->insert({"token", std::string(method.data(), method.size())});
    return grpc::Status::OK;
  }
};

// Call credentials ask for a safe connection: refused over insecure, taken over local.
class CallCredentialsTest : public ServerLifecycleTest {
 protected:
  grpc::Status CallWithToken(std::shared_ptr<grpc::ChannelCredentials> fallback) {
    ChannelOptions options;
    options.fallback = std::move(fallback);
    auto stub = Stub(std::move(options));
    grpc::ClientContext context;
    context.set_deadline(Soon());
    context.set_credentials(grpc::MetadataCredentialsFromPlugin(std::make_unique<TokenPlugin>()));
    Request request = Payload(1);
    request.mutable_script()->set_report(true);
    return stub->Unary(&context, request, &reply_);
  }
  Reply reply_;
};

TEST_P(CallCredentialsTest, RefusedOverInsecure) {
  StartServer();
  grpc::Status status = CallWithToken(nullptr);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED) << status.error_message();
  EXPECT_EQ(server().Stat("calls_started"), 0u);
  expect_shared_memory = false;  // no message was sent
}

TEST_P(CallCredentialsTest, OverLocalCredentials) {
  // gRPC takes no other address than this one for local.
  StartServerAt(IsUnix(GetParam()) ? FreshAddress(GetParam()) : "127.0.0.1:0",
                {"--credentials=local"});
  auto kind = IsUnix(GetParam()) ? UDS : LOCAL_TCP;
  grpc::Status status = CallWithToken(grpc::experimental::LocalCredentials(kind));
  ASSERT_TRUE(status.ok()) << status.error_code() << " " << status.error_message();
  bool found = false;
  for (const auto& pair : reply_.report().metadata()) {
    found |= pair.key() == "token" && pair.value() == "Unary";
  }
  EXPECT_TRUE(found) << reply_.report().DebugString();
}

INSTANTIATE_TEST_SUITE_P(Over, ServerLifecycleTest, AllTransports(), ParamName);
INSTANTIATE_TEST_SUITE_P(Over, CallCredentialsTest, AllTransports(), ParamName);

}  // namespace
}  // namespace samehost::testing
