#include "plugin/tests/harness/behaviour_fixture.h"

#include <grpc/grpc.h>

#include "plugin/tests/harness/payload.h"

namespace samehost::testing {

std::shared_ptr<grpc::Channel> MakeChannel(TransportKind kind, const std::string& target,
                                           ChannelOptions options) {
  options.arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  auto credentials =
      options.fallback != nullptr ? options.fallback : grpc::InsecureChannelCredentials();
#ifdef SAMEHOST_TESTS_WITH_SAMEHOST
  if (IsSamehost(kind)) {
    Options samehost_options;
    if (options.ring != 0) samehost_options.initial_ring_bytes = options.ring;
    if (options.max_ring != 0) samehost_options.max_ring_bytes = options.max_ring;
    credentials = ChannelCredentials(credentials, samehost_options);
  }
#endif
  if (options.interceptors.empty()) {
    return grpc::CreateCustomChannel(target, credentials, options.arguments);
  }
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      target, credentials, options.arguments, std::move(options.interceptors));
}

::testing::AssertionResult AwaitState(grpc::Channel& channel, grpc_connectivity_state state,
                                      bool try_to_connect) {
  auto limit = std::chrono::system_clock::now() + std::chrono::seconds(30 * kSlowness);
  for (;;) {
    grpc_connectivity_state now = channel.GetState(try_to_connect);
    if (now == state) return ::testing::AssertionSuccess();
    if (!channel.WaitForStateChange(now, limit)) {
      return ::testing::AssertionFailure() << "the channel stays in state " << now;
    }
  }
}

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(TransportKind kind) {
#ifdef SAMEHOST_TESTS_WITH_SAMEHOST
  if (IsSamehost(kind)) return ServerCredentials();
#endif
  return grpc::InsecureServerCredentials();
}

void BehaviourTest::SetUp() {
  // Held for good: with the last channel the library would shut down, which takes gRPC up to ten
  // seconds when a backup poller (tcp_posix.cc) is in the middle of its wait.
  [[maybe_unused]] static bool initialised = (grpc_init(), true);
  const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
  watchdog_ = std::make_unique<Watchdog>(std::string(info->test_suite_name()) + "." + info->name(),
                                         patience());
  before_ = SamehostCounters();
}

void BehaviourTest::TearDown() {
  if (expect_shared_memory && !HasFailure() && !IsSkipped()) ExpectSharedMemory();
  server_.reset();
  watchdog_.reset();
}

ServerProcess& BehaviourTest::StartServer(std::vector<std::string> flags, Api api) {
  server_.reset();
  ServerOptions options;
  options.transport = GetParam();
  options.api = api;
  options.flags = std::move(flags);
  server_ = std::make_unique<ServerProcess>(options);
  return *server_;
}

ServerProcess& BehaviourTest::StartServerAt(const std::string& address,
                                            std::vector<std::string> flags) {
  server_.reset();
  ServerOptions options;
  options.transport = GetParam();
  options.address = address;
  options.flags = std::move(flags);
  server_ = std::make_unique<ServerProcess>(options);
  return *server_;
}

void BehaviourTest::ExpectSharedMemory() {
  if (!IsSamehost(GetParam())) return;
  Counters now = SamehostCounters();
  for (const char* name : {"links_opened", "messages_sent"}) {
    EXPECT_GT(now[name], before_[name]) << "in the client";
  }
  EXPECT_EQ(now["fallbacks"], before_["fallbacks"]) << "in the client";
  if (server_ == nullptr || !server_->process().running()) return;
  Counters there = server_->Stats();
  EXPECT_GT(there["links_opened"], 0u) << "in the server";
  EXPECT_GT(there["messages_received"], 0u) << "in the server";
}

Request BehaviourTest::Payload(size_t bytes, uint64_t seed) {
  Request request;
  request.set_payload(MakePayload(bytes, seed));
  return request;
}

void BehaviourTest::Ping(Behaviour::Stub& stub) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  Reply reply;
  grpc::Status status = stub.Unary(&context, Payload(16), &reply);
  EXPECT_TRUE(status.ok()) << status.error_code() << " " << status.error_message();
  EXPECT_EQ(reply.payload(), Payload(16).payload());
}

}  // namespace samehost::testing
