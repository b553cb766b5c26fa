// All four RPC kinds by all client and server APIs, and messages of every awkward size.
#include <grpcpp/generic/generic_stub.h>

#include <tuple>

#include "plugin/tests/harness/behaviour_fixture.h"
#include "plugin/tests/harness/caller.h"
#include "plugin/tests/harness/payload.h"

namespace samehost::testing {
namespace {

constexpr size_t kRing = 32 * 1024;  // Options::initial_ring_bytes by default

// The requests of a call of this kind; the first carries what the server must know.
std::vector<Request> MakeRequests(RpcKind kind, size_t bytes) {
  size_t count = kind == RpcKind::kClientStream || kind == RpcKind::kBidiStream ? 5 : 1;
  std::vector<Request> requests(count);
  for (size_t i = 0; i < count; ++i) requests[i].set_payload(MakePayload(bytes, bytes * 10 + i));
  requests[0].mutable_script()->set_replies(3);
  return requests;
}

void ExpectOutcome(RpcKind kind, const std::vector<Request>& requests, const Outcome& outcome) {
  ASSERT_TRUE(outcome.status.ok())
      << outcome.status.error_code() << " " << outcome.status.error_message();
  size_t replies = kind == RpcKind::kServerStream ? 3 : kind == RpcKind::kBidiStream ? 5 : 1;
  ASSERT_EQ(outcome.replies.size(), replies);
  for (size_t i = 0; i < replies; ++i) {
    const Request& echoed = kind == RpcKind::kBidiStream     ? requests[i]
                            : kind == RpcKind::kServerStream ? requests[0]
                                                             : requests.back();
    // Not EXPECT_EQ: a difference of megabytes is no message.
    EXPECT_TRUE(outcome.replies[i].payload() == echoed.payload()) << "reply " << i;
  }
  // A generic server echoes and keeps no account.
  if (kind == RpcKind::kClientStream && outcome.replies[0].messages() != 0) {
    Checksum checksum;
    for (const Request& request : requests) checksum.Add(request.payload());
    EXPECT_EQ(outcome.replies[0].messages(), requests.size());
    EXPECT_EQ(outcome.replies[0].checksum(), checksum.value());
  }
}

class RpcKindsTest : public BehaviourTest {
 protected:
  void CallAllKinds(Caller& caller, size_t bytes) {
    for (RpcKind kind : kAllKinds) {
      SCOPED_TRACE(::testing::Message() << Name(kind) << " of " << bytes << " bytes");
      grpc::ClientContext context;
      std::vector<Request> requests = MakeRequests(kind, bytes);
      ExpectOutcome(kind, requests, caller.Call(kind, &context, requests));
    }
  }
  // Every client API against a server of this API.
  void CallByAllApis(Api server_api, const std::vector<size_t>& sizes, ChannelOptions options) {
    auto channel = Channel(std::move(options));
    for (Api api : kAllApis) {
      SCOPED_TRACE(::testing::Message() << Name(api) << " -> " << Name(server_api));
      auto caller = MakeCaller(api, channel);
      for (size_t bytes : sizes) CallAllKinds(*caller, bytes);
    }
  }
  void RunMatrix(Api server_api) {
    StartServer({}, server_api);
    CallByAllApis(server_api, {0, 1, 100, kRing, 5 * kRing}, {});
    // A client's half-close is no cancellation.
    EXPECT_EQ(server().Stat("calls_cancelled"), 0u);
  }
};

TEST_P(RpcKindsTest, AllClientApisToSyncServer) { RunMatrix(Api::kSync); }
TEST_P(RpcKindsTest, AllClientApisToAsyncServer) { RunMatrix(Api::kAsync); }
TEST_P(RpcKindsTest, AllClientApisToCallbackServer) { RunMatrix(Api::kCallback); }
TEST_P(RpcKindsTest, AllClientApisToGenericServer) { RunMatrix(Api::kGeneric); }
TEST_P(RpcKindsTest, AllClientApisToGenericCallbackServer) { RunMatrix(Api::kGenericCallback); }

// Raw bytes, so that a message is of exactly this size on the wire: around the ring, and around the
// quarter of it that one record may take.
TEST_P(RpcKindsTest, SizesAroundTheRing) {
  StartServer({}, Api::kGeneric);
  for (size_t ring : {size_t{4096}, kRing}) {
    ChannelOptions options;
    options.ring = ring;
    options.max_ring = ring;
    grpc::GenericStub stub(Channel(std::move(options)));
    grpc::CompletionQueue queue;
    for (size_t base : {ring / 4, ring / 2, ring, 2 * ring, 5 * ring}) {
      for (size_t bytes = base - 40; bytes <= base + 40; ++bytes) {
        grpc::Slice slice(MakePayload(bytes, bytes));
        grpc::ByteBuffer request(&slice, 1), reply;
        grpc::ClientContext context;
        grpc::Status status;
        auto call = stub.PrepareUnaryCall(&context, MethodPath(RpcKind::kUnary), request, &queue);
        call->StartCall();
        call->Finish(&reply, &status, nullptr);
        void* tag;
        bool ok;
        ASSERT_TRUE(queue.Next(&tag, &ok));
        ASSERT_TRUE(status.ok()) << bytes << ": " << status.error_message();
        grpc::Slice answer;
        ASSERT_TRUE(reply.DumpToSingleSlice(&answer).ok());
        ASSERT_EQ(answer.size(), bytes);
        ASSERT_EQ(memcmp(answer.begin(), slice.begin(), bytes), 0) << bytes;
      }
    }
  }
}

TEST_P(RpcKindsTest, SixtyFourMebibytes) {
  constexpr size_t kBytes = 64 << 20;
  StartServer({"--max_receive=-1", "--max_send=-1"});
  ChannelOptions options;
  options.arguments.SetMaxReceiveMessageSize(-1);
  options.arguments.SetMaxSendMessageSize(-1);
  auto channel = Channel(std::move(options));
  for (Api api : {Api::kSync, Api::kCallback}) {
    auto caller = MakeCaller(api, channel);
    for (RpcKind kind : {RpcKind::kUnary, RpcKind::kBidiStream}) {
      SCOPED_TRACE(::testing::Message() << Name(api) << " " << Name(kind));
      grpc::ClientContext context;
      std::vector<Request> requests = {Payload(kBytes)};
      Outcome outcome = caller->Call(kind, &context, requests);
      ASSERT_TRUE(outcome.status.ok()) << outcome.status.error_message();
      ASSERT_EQ(outcome.replies.size(), 1u);
      EXPECT_TRUE(outcome.replies[0].payload() == requests[0].payload());
    }
  }
}

// Sizes that differ from one message to the next, both ways at once, in one stream.
TEST_P(RpcKindsTest, MixedSizesFullDuplex) {
  StartServer();
  auto stub = Stub();
  grpc::ClientContext context;
  auto stream = stub->BidiStream(&context);
  const size_t sizes[] = {0, 1, 7, 4096, 40000, 3, 300000, 0, 8191, 8192, 8193, 32767, 1000000};
  constexpr int kRounds = 20;
  std::thread writer([&] {
    for (int round = 0; round < kRounds; ++round) {
      for (size_t bytes : sizes) stream->Write(Payload(bytes, bytes + round));
    }
    stream->WritesDone();
  });
  Reply reply;
  for (int round = 0; round < kRounds; ++round) {
    for (size_t bytes : sizes) {
      ASSERT_TRUE(stream->Read(&reply)) << "round " << round << ", " << bytes << " bytes";
      ASSERT_TRUE(reply.payload() == MakePayload(bytes, bytes + round)) << bytes;
    }
  }
  EXPECT_FALSE(stream->Read(&reply));
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(RpcKindsTest, UnimplementedMethodAndService) {
  for (Api api : {Api::kSync, Api::kAsync, Api::kCallback, Api::kGeneric}) {
    SCOPED_TRACE(Name(api));
    StartServer({}, api);
    auto channel = Channel();
    Reply reply;
    grpc::ClientContext method_context, service_context;
    grpc::Status method =
        Behaviour::NewStub(channel)->NotImplemented(&method_context, Request(), &reply);
    EXPECT_EQ(method.error_code(), grpc::StatusCode::UNIMPLEMENTED) << method.error_message();
    grpc::Status service =
        behaviour::Missing::NewStub(channel)->Nothing(&service_context, Request(), &reply);
    EXPECT_EQ(service.error_code(), grpc::StatusCode::UNIMPLEMENTED) << service.error_message();
  }
}

INSTANTIATE_TEST_SUITE_P(Over, RpcKindsTest, AllTransports(), ParamName);

}  // namespace
}  // namespace samehost::testing
