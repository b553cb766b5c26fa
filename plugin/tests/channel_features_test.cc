// What a channel does beside calls: waiting for a server, connectivity states, retries by service
// config, health checking.
#include <grpcpp/generic/generic_stub.h>

#include <atomic>
#include <thread>

#include "plugin/tests/harness/behaviour_fixture.h"
#include "src/proto/grpc/health/v1/health.grpc.pb.h"

namespace samehost::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

system_clock::time_point Soon() {
  return system_clock::now() + std::chrono::seconds(30 * kSlowness);
}

// Fast reconnects, so that tests do not wait for gRPC's back-off.
ChannelOptions Eager() {
  ChannelOptions options;
  options.arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  options.arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  return options;
}

class ChannelFeaturesTest : public BehaviourTest {
 protected:
  // An address at which a server was and will be.
  std::string AddressWithoutServer() {
    std::string address = StartServer().target();
    server().process().Kill();
    return address;
  }
};

TEST_P(ChannelFeaturesTest, FailsFastWithoutServerAndWaitsWhenAsked) {
  std::string address = AddressWithoutServer();
  auto stub = Behaviour::NewStub(MakeChannel(GetParam(), address, Eager()));
  Reply reply;
  grpc::ClientContext fast;
  EXPECT_EQ(stub->Unary(&fast, Payload(10), &reply).error_code(), grpc::StatusCode::UNAVAILABLE);
  std::atomic<bool> done{false};
  std::thread waiting([&] {
    Ping(*stub);  // waits for ready
    done = true;
  });
  std::this_thread::sleep_for(milliseconds(100));  // not a condition: only makes waiting likely
  EXPECT_FALSE(done);
  StartServerAt(address);
  waiting.join();
  EXPECT_TRUE(done);
  expect_shared_memory = false;  // whether the early attempts raced with the server is left open
}

TEST_P(ChannelFeaturesTest, WaitForReadyEndsAtTheDeadline) {
  auto stub = Behaviour::NewStub(MakeChannel(GetParam(), AddressWithoutServer(), Eager()));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(system_clock::now() + milliseconds(100));
  Reply reply;
  EXPECT_EQ(stub->Unary(&context, Payload(10), &reply).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  expect_shared_memory = false;
}

TEST_P(ChannelFeaturesTest, ConnectivityStates) {
  std::string address = StartServer().target();
  auto channel = MakeChannel(GetParam(), address, Eager());
  EXPECT_EQ(channel->GetState(false), GRPC_CHANNEL_IDLE);
  EXPECT_EQ(channel->GetState(true), GRPC_CHANNEL_IDLE);
  EXPECT_TRUE(channel->WaitForStateChange(GRPC_CHANNEL_IDLE, Soon()));
  EXPECT_TRUE(channel->WaitForConnected(Soon()));
  EXPECT_EQ(channel->GetState(false), GRPC_CHANNEL_READY);
  EXPECT_FALSE(
      channel->WaitForStateChange(GRPC_CHANNEL_READY, system_clock::now() + milliseconds(50)));
  auto stub = Behaviour::NewStub(channel);
  Ping(*stub);
  // The server leaves in an orderly way: the channel goes idle and stays so.
  ExpectSharedMemory();
  server().process().Tell("shutdown -1");
  EXPECT_TRUE(channel->WaitForStateChange(GRPC_CHANNEL_READY, Soon()));
  EXPECT_TRUE(AwaitState(*channel, GRPC_CHANNEL_IDLE));
  EXPECT_EQ(server().process().Hear(), "down");
  // Nobody there: asking for a connection fails, until a server is back.
  server().process().Kill();
  EXPECT_TRUE(AwaitState(*channel, GRPC_CHANNEL_TRANSIENT_FAILURE, true));
  StartServerAt(address);
  EXPECT_TRUE(channel->WaitForConnected(Soon()));
  Ping(*stub);
  expect_shared_memory = false;  // looked at above
}

constexpr char kRetryConfig[] = R"({
  "methodConfig": [{
    "name": [{"service": "samehost.behaviour.Behaviour"}],
    "retryPolicy": {
      "maxAttempts": 4, "initialBackoff": "0.01s", "maxBackoff": "0.05s",
      "backoffMultiplier": 1.5, "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }]
})";

TEST_P(ChannelFeaturesTest, RetriesFromServiceConfig) {
  StartServer();
  ChannelOptions options;
  options.arguments.SetServiceConfigJSON(kRetryConfig);
  auto stub = Stub(std::move(options));
  Request request = Payload(100'000);
  request.mutable_script()->set_fail_attempts(2);
  Reply reply;
  grpc::ClientContext succeeds;
  EXPECT_TRUE(stub->Unary(&succeeds, request, &reply).ok());
  EXPECT_EQ(reply.payload(), request.payload());
  EXPECT_EQ(server().Stat("calls_started"), 3u);
  request.mutable_script()->set_fail_attempts(10);
  grpc::ClientContext fails;
  EXPECT_EQ(stub->Unary(&fails, request, &reply).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(server().Stat("calls_started"), 3u + 4u);
  // A stream is retried as long as nothing has come back.
  request = Payload(100);  // three of them fit the buffer that gRPC keeps for retries
  request.mutable_script()->set_fail_attempts(1);
  grpc::ClientContext streaming;
  auto writer = stub->ClientStream(&streaming, &reply);
  for (int i = 0; i < 3; ++i) writer->Write(request);
  writer->WritesDone();
  EXPECT_TRUE(writer->Finish().ok());
  EXPECT_EQ(reply.messages(), 3u);
}

TEST_P(ChannelFeaturesTest, NoRetriesWhenSwitchedOff) {
  StartServer();
  ChannelOptions options;
  options.arguments.SetServiceConfigJSON(kRetryConfig);
  options.arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  auto stub = Stub(std::move(options));
  Request request;
  request.mutable_script()->set_fail_attempts(1);
  Reply reply;
  grpc::ClientContext context;
  EXPECT_EQ(stub->Unary(&context, request, &reply).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(server().Stat("calls_started"), 1u);
}

// 1.51 has no hedging; what its argument switches on is a time limit for each attempt.
TEST_P(ChannelFeaturesTest, PerAttemptTimeout) {
  StartServer();
  ChannelOptions options;
  std::string config = kRetryConfig;
  config.replace(config.find("\"maxAttempts\""), 0, "\"perAttemptRecvTimeout\": \"0.2s\", ");
  options.arguments.SetServiceConfigJSON(config);
  options.arguments.SetInt(GRPC_ARG_EXPERIMENTAL_ENABLE_HEDGING, 1);
  auto stub = Stub(std::move(options));
  Request request = Payload(10);
  request.mutable_script()->set_stall_attempts(1);
  Reply reply;
  grpc::ClientContext context;
  grpc::Status status = stub->Unary(&context, request, &reply);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_GE(server().Stat("calls_started"), 2u);
  WAIT_UNTIL(server().Stat("calls_cancelled") >= 1);
}

// The server closes its connections again and again while calls keep coming: those that it has not
// seen are sent again by gRPC itself.
TEST_P(ChannelFeaturesTest, TransparentRetryThroughGoAway) {
  StartServer({"--int_arg=" GRPC_ARG_MAX_CONNECTION_AGE_MS ":50",
               "--int_arg=" GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS ":30000"});
  auto stub = Stub(Eager());
  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  auto end = std::chrono::steady_clock::now() + milliseconds(1000);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      while (std::chrono::steady_clock::now() < end) {
        grpc::ClientContext context;
        context.set_wait_for_ready(true);
        Reply reply;
        grpc::Status status = stub->Unary(&context, Payload(100), &reply);
        if (!status.ok()) {
          ++failures;
          ADD_FAILURE() << status.error_code() << " " << status.error_message();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

TEST_P(ChannelFeaturesTest, HealthService) {
  StartServer({"--health"});
  auto health = grpc::health::v1::Health::NewStub(Channel());
  auto check = [&](const std::string& service) {
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    grpc::health::v1::HealthCheckResponse response;
    grpc::ClientContext context;
    grpc::Status status = health->Check(&context, request, &response);
    return status.ok() ? static_cast<int>(response.status()) : -status.error_code();
  };
  EXPECT_EQ(check(""), grpc::health::v1::HealthCheckResponse::SERVING);
  EXPECT_EQ(check("unknown"), -grpc::StatusCode::NOT_FOUND);
  grpc::health::v1::HealthCheckRequest request;
  request.set_service("watched");
  grpc::health::v1::HealthCheckResponse response;
  grpc::ClientContext context;
  auto watch = health->Watch(&context, request);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVICE_UNKNOWN);
  server().process().Tell("health watched 1");
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  server().process().Tell("health watched 0");
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  context.TryCancel();
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

// The channel itself asks for the health of a service, and is ready only while that is good.
TEST_P(ChannelFeaturesTest, ClientSideHealthChecking) {
  StartServer({"--health"});
  server().process().Tell("health mine 0");
  ChannelOptions options;
  options.arguments.SetLoadBalancingPolicyName("round_robin");
  options.arguments.SetServiceConfigJSON(R"({"healthCheckConfig": {"serviceName": "mine"}})");
  auto channel = Channel(std::move(options));
  EXPECT_TRUE(AwaitState(*channel, GRPC_CHANNEL_TRANSIENT_FAILURE, true));
  auto stub = Behaviour::NewStub(channel);
  Reply reply;
  grpc::ClientContext context;
  EXPECT_EQ(stub->Unary(&context, Payload(1), &reply).error_code(), grpc::StatusCode::UNAVAILABLE);
  server().process().Tell("health mine 1");
  EXPECT_TRUE(channel->WaitForConnected(Soon()));
  Ping(*stub);
  server().process().Tell("health mine 0");
  EXPECT_TRUE(AwaitState(*channel, GRPC_CHANNEL_TRANSIENT_FAILURE));
}

INSTANTIATE_TEST_SUITE_P(Over, ChannelFeaturesTest, AllTransports(), ParamName);

}  // namespace
}  // namespace samehost::testing
