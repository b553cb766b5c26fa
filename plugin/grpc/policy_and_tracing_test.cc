// What others hang into a call: authorization policies of the server and call tracers of the
// client, which see over shared memory what they see over the socket.
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <samehost/grpc.h>
#include <stdlib.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "plugin/grpc/echo_for_test.h"
#include "src/core/lib/channel/call_tracer.h"
#include "src/core/lib/channel/context.h"
#include "src/core/lib/security/authorization/authorization_policy_provider.h"
#include "src/core/lib/surface/call.h"
#include "src/core/lib/transport/transport.h"

// After gRPC's own headers, whose class of this name it implements.
#include <grpcpp/security/authorization_policy_provider.h>

namespace samehost::grpc_transport::testing {
namespace {

class AllowEngine final : public grpc_core::AuthorizationEngine {
 public:
  Decision Evaluate(const grpc_core::EvaluateArgs&) const override {
    return {Decision::Type::kAllow, "all"};
  }
};

// Denies one method.
class DenyEngine final : public grpc_core::AuthorizationEngine {
 public:
  Decision Evaluate(const grpc_core::EvaluateArgs& args) const override {
    const bool denied = args.GetPath() == "/test/Secret";
    return {denied ? Decision::Type::kDeny : Decision::Type::kAllow, "no secrets"};
  }
};

class CorePolicy final : public grpc_authorization_policy_provider {
 public:
  AuthorizationEngines engines() override {
    return {grpc_core::MakeRefCounted<AllowEngine>(), grpc_core::MakeRefCounted<DenyEngine>()};
  }
  void Orphan() override {}
};

class Policy final : public grpc::experimental::AuthorizationPolicyProviderInterface {
 public:
  ~Policy() override { provider_->Unref(); }
  grpc_authorization_policy_provider* c_provider() override { return provider_; }

 private:
  grpc_authorization_policy_provider* const provider_ = new CorePolicy;
};

// Notes the byte counts that the transport reports at the end of a call.
class Tracer final : public grpc_core::CallTracer, public grpc_core::CallTracer::CallAttemptTracer {
 public:
  grpc_core::CallTracer::CallAttemptTracer* StartNewAttempt(bool) override { return this; }
  void RecordSendInitialMetadata(grpc_metadata_batch*) override {}
  void RecordOnDoneSendInitialMetadata(gpr_atm*) override {}
  void RecordSendTrailingMetadata(grpc_metadata_batch*) override {}
  void RecordSendMessage(const grpc_core::SliceBuffer& message) override {
    std::lock_guard lock(mutex_);
    sent_ += message.Length();
  }
  void RecordReceivedInitialMetadata(grpc_metadata_batch*, uint32_t) override {}
  void RecordReceivedMessage(const grpc_core::SliceBuffer& message) override {
    std::lock_guard lock(mutex_);
    received_ += message.Length();
  }
  void RecordReceivedTrailingMetadata(absl::Status, grpc_metadata_batch*,
                                      const grpc_transport_stream_stats* stats) override {
    std::lock_guard lock(mutex_);
    if (stats != nullptr) stats_ = *stats;
  }
  void RecordCancel(grpc_error_handle) override {}
  void RecordEnd(const gpr_timespec&) override {}

  std::optional<grpc_transport_stream_stats> stats() const {
    std::lock_guard lock(mutex_);
    return stats_;
  }
  size_t sent() const {
    std::lock_guard lock(mutex_);
    return sent_;
  }
  size_t received() const {
    std::lock_guard lock(mutex_);
    return received_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<grpc_transport_stream_stats> stats_;
  size_t sent_ = 0, received_ = 0;
};

grpc::ByteBuffer Buffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

// One call of `method`; the tracer (may be null) is hung into it before it starts.
grpc::Status Call(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                  const std::string& payload, Tracer* tracer = nullptr) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  grpc::CompletionQueue queue;
  grpc::ByteBuffer reply;
  grpc::Status status;
  const auto call =
      grpc::GenericStub(channel).PrepareUnaryCall(&context, method, Buffer(payload), &queue);
  if (tracer != nullptr) {
    grpc_call_context_set(context.c_call(), GRPC_CONTEXT_CALL_TRACER, tracer, nullptr);
  }
  call->StartCall();
  call->Finish(&reply, &status, &context);
  void* tag = nullptr;
  bool ok = false;
  EXPECT_TRUE(queue.Next(&tag, &ok));
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return status;
}

class PolicyAndTracingTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    char name[] = "/tmp/samehost-policy-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    options_.directory = name;
    options_.enabled = GetParam();
  }
  void TearDown() override { (void)!system(("rm -rf " + options_.directory).c_str()); }

  std::shared_ptr<grpc::Channel> Channel(const std::string& target) {
    return grpc::CreateCustomChannel(target, ChannelCredentials(nullptr, options_),
                                     OwnSubchannels());
  }
  void ExpectItsTransport(const std::shared_ptr<grpc::Channel>& channel) {
    EXPECT_EQ(Echo(channel, "x").auth_properties.count(kTransportProperty), GetParam() ? 1u : 0u);
  }

  Options options_;
};

INSTANTIATE_TEST_SUITE_P(Over, PolicyAndTracingTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Samehost" : "Socket"; });

TEST_P(PolicyAndTracingTest, AuthorizationPoliciesDecide) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_), [](grpc::ServerBuilder* builder) {
    builder->experimental().SetAuthorizationPolicyProvider(std::make_shared<Policy>());
  });
  ASSERT_TRUE(server.running());
  const auto channel = Channel(server.target());
  EXPECT_TRUE(Call(channel, "/test/Public", "hello").ok());
  const grpc::Status denied = Call(channel, "/test/Secret", "hello");
  EXPECT_EQ(denied.error_code(), grpc::StatusCode::PERMISSION_DENIED) << denied.error_message();
  EXPECT_TRUE(Call(channel, "/test/Public", "hello").ok());
  ExpectItsTransport(channel);
}

TEST_P(PolicyAndTracingTest, TracersSeeByteCounts) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  ASSERT_TRUE(server.running());
  const auto channel = Channel(server.target());
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{1000}, size_t{300'000}}) {
    Tracer tracer;
    ASSERT_TRUE(Call(channel, "/test/Echo", std::string(bytes, 'x'), &tracer).ok());
    ASSERT_TRUE(tracer.stats().has_value()) << bytes;
    const grpc_transport_stream_stats stats = *tracer.stats();
    EXPECT_EQ(stats.outgoing.data_bytes, bytes + 5) << "HTTP/2 counts what precedes a message";
    EXPECT_EQ(stats.incoming.data_bytes, bytes);
    EXPECT_GT(stats.outgoing.framing_bytes, 0u);
    EXPECT_GT(stats.incoming.framing_bytes, 0u);
    EXPECT_EQ(tracer.sent(), bytes);
    EXPECT_EQ(tracer.received(), bytes);
  }
  ExpectItsTransport(channel);
}

}  // namespace
}  // namespace samehost::grpc_transport::testing
