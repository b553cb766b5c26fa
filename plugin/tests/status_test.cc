// Status codes, message size limits, and compression.
#include <grpcpp/generic/generic_stub.h>

#include "plugin/tests/harness/behaviour_fixture.h"
#include "plugin/tests/harness/caller.h"
#include "plugin/tests/harness/compression_facts.h"

namespace samehost::testing {
namespace {

class StatusTest : public BehaviourTest {};

TEST_P(StatusTest, AllCodesByAllKindsAndApis) {
  for (Api server_api : {Api::kSync, Api::kAsync, Api::kCallback}) {
    StartServer({}, server_api);
    auto channel = Channel();
    for (Api api : kAllApis) {
      auto caller = MakeCaller(api, channel);
      for (RpcKind kind : kAllKinds) {
        for (int code = 0; code <= 16; ++code) {
          grpc::ClientContext context;
          std::vector<Request> requests = {Payload(5)};
          requests[0].mutable_script()->set_status_code(code);
          requests[0].mutable_script()->set_status_message(code == 0 ? "" : "because");
          requests[0].mutable_script()->set_replies(2);
          Outcome outcome = caller->Call(kind, &context, requests);
          ASSERT_EQ(outcome.status.error_code(), code)
              << Name(api) << " -> " << Name(server_api) << " " << Name(kind) << " "
              << outcome.status.error_message();
          ASSERT_EQ(outcome.status.error_message(), code == 0 ? "" : "because");
        }
      }
    }
  }
}

// A message that is exactly as large as allowed goes through, one byte more does not.
class MessageLimitTest : public BehaviourTest {
 protected:
  static constexpr int kLimit = 50'000;

  void ExpectLimit(const std::vector<std::string>& server_flags, ChannelOptions options) {
    StartServer(server_flags, Api::kGeneric);
    grpc::GenericStub stub(Channel(std::move(options)));
    EXPECT_EQ(Echo(stub, kLimit), grpc::StatusCode::OK);
    EXPECT_EQ(Echo(stub, kLimit + 1), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_EQ(Echo(stub, 20 * kLimit), grpc::StatusCode::RESOURCE_EXHAUSTED);
    // And the connection lives on.
    EXPECT_EQ(Echo(stub, kLimit), grpc::StatusCode::OK);
  }

 private:
  static grpc::StatusCode Echo(grpc::GenericStub& stub, size_t bytes) {
    grpc::Slice slice(std::string(bytes, 'x'));
    grpc::ByteBuffer request(&slice, 1), reply;
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    grpc::Status status;
    auto call = stub.PrepareUnaryCall(&context, MethodPath(RpcKind::kUnary), request, &queue);
    call->StartCall();
    call->Finish(&reply, &status, nullptr);
    void* tag;
    bool ok;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return status.error_code();
  }
};

TEST_P(MessageLimitTest, ClientSend) {
  ChannelOptions options;
  options.arguments.SetMaxSendMessageSize(kLimit);
  ExpectLimit({}, std::move(options));
}

TEST_P(MessageLimitTest, ClientReceive) {
  ChannelOptions options;
  options.arguments.SetMaxReceiveMessageSize(kLimit);
  ExpectLimit({}, std::move(options));
}

TEST_P(MessageLimitTest, ServerReceive) {
  ExpectLimit({"--max_receive=" + std::to_string(kLimit)}, {});
}

TEST_P(MessageLimitTest, ServerSend) { ExpectLimit({"--max_send=" + std::to_string(kLimit)}, {}); }

// 4 MiB, GRPC_DEFAULT_MAX_RECV_MESSAGE_LENGTH.
TEST_P(MessageLimitTest, DefaultReceiveLimit) {
  StartServer();
  auto stub = Stub();
  Reply reply;
  grpc::ClientContext below, above;
  EXPECT_TRUE(stub->Unary(&below, Payload((4 << 20) - 100), &reply).ok());
  EXPECT_EQ(stub->Unary(&above, Payload((4 << 20) + 100), &reply).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

class CompressionTest : public BehaviourTest {
 protected:
  // Echoes something compressible; answers whether request and reply travelled compressed.
  std::pair<bool, bool> Travelled(Behaviour::Stub& stub, grpc_compression_algorithm call_algorithm,
                                  grpc_compression_algorithm reply_algorithm) {
    grpc::ClientContext context;
    if (call_algorithm != GRPC_COMPRESS_NONE) context.set_compression_algorithm(call_algorithm);
    Request request;
    request.set_payload(std::string(200'000, 'z'));
    request.mutable_script()->set_report(true);
    request.mutable_script()->set_compression(reply_algorithm);
    Reply reply;
    grpc::Status status = stub.Unary(&context, request, &reply);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(reply.payload(), request.payload());
    return {reply.report().request_was_compressed(), WasCompressed(context)};
  }
};

TEST_P(CompressionTest, PerCall) {
  StartServer();
  auto stub = Stub();
  using Pair = std::pair<bool, bool>;
  for (auto algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    EXPECT_EQ(Travelled(*stub, algorithm, GRPC_COMPRESS_NONE), Pair(true, false));
    EXPECT_EQ(Travelled(*stub, GRPC_COMPRESS_NONE, algorithm), Pair(false, true));
    EXPECT_EQ(Travelled(*stub, algorithm, algorithm), Pair(true, true));
  }
  EXPECT_EQ(Travelled(*stub, GRPC_COMPRESS_NONE, GRPC_COMPRESS_NONE), Pair(false, false));
}

TEST_P(CompressionTest, PerChannelAndServer) {
  StartServer({"--compression=" + std::to_string(GRPC_COMPRESS_GZIP)});
  ChannelOptions options;
  options.arguments.SetCompressionAlgorithm(GRPC_COMPRESS_DEFLATE);
  auto stub = Stub(std::move(options));
  EXPECT_EQ(Travelled(*stub, GRPC_COMPRESS_NONE, GRPC_COMPRESS_NONE),
            (std::pair<bool, bool>(true, true)));
}

// Streams of messages, some of them exempt from compression.
TEST_P(CompressionTest, Streams) {
  StartServer();
  ChannelOptions options;
  options.arguments.SetCompressionAlgorithm(GRPC_COMPRESS_GZIP);
  auto stub = Stub(std::move(options));
  grpc::ClientContext context;
  auto stream = stub->BidiStream(&context);
  Request request;
  request.mutable_script()->set_compression(GRPC_COMPRESS_GZIP);
  Reply reply;
  for (int i = 0; i < 20; ++i) {
    request.set_payload(std::string(i * 5000, 'c'));
    ASSERT_TRUE(i % 2 == 0 ? stream->Write(request)
                           : stream->Write(request, grpc::WriteOptions().set_no_compression()));
    ASSERT_TRUE(stream->Read(&reply));
    EXPECT_EQ(reply.payload(), request.payload());
    EXPECT_TRUE(WasCompressed(context) || i == 0) << i;
  }
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

INSTANTIATE_TEST_SUITE_P(Over, StatusTest, AllTransports(), ParamName);
INSTANTIATE_TEST_SUITE_P(Over, MessageLimitTest, AllTransports(), ParamName);
INSTANTIATE_TEST_SUITE_P(Over, CompressionTest, AllTransports(), ParamName);

}  // namespace
}  // namespace samehost::testing
