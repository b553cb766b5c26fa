// Large messages again and again on one connection: over samehost they are written where the peer
// reads them, once a connection has shown that it carries such. Every byte is checked; memory is
// used again and given back; what a user keeps stays as it was.
#include <grpcpp/generic/generic_stub.h>

#include <deque>
#include <thread>

#include "plugin/tests/harness/behaviour_fixture.h"
#include "plugin/tests/harness/payload.h"

namespace samehost::testing {
namespace {

constexpr size_t kMiB = 1 << 20;

class LargeMessagesTest : public BehaviourTest {
 protected:
  void SetUp() override {
    BehaviourTest::SetUp();
    StartServer({"--max_receive=100000000"});
  }
  static ChannelOptions Unlimited() {
    ChannelOptions options;
    options.arguments.SetMaxReceiveMessageSize(-1);
    return options;
  }
  static Request Random(size_t bytes) {
    static uint64_t seed = 0;
    Request request;
    request.set_payload(MakePayload(bytes, ++seed));
    return request;
  }
  // One unary call whose reply must equal the request.
  static void Echo(Behaviour::Stub& stub, const Request& request) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    Reply reply;
    const grpc::Status status = stub.Unary(&context, request, &reply);
    ASSERT_TRUE(status.ok()) << status.error_message();
    ASSERT_TRUE(reply.payload() == request.payload()) << request.payload().size();
  }
  static uint64_t LentHere() { return SamehostCounters()["blocks_lent"]; }
};

TEST_P(LargeMessagesTest, UnaryOfManySizes) {
  auto stub = Stub(Unlimited());
  const uint64_t before = LentHere();
  for (int round = 0; round < 4; ++round) {
    for (size_t size : {size_t{31'000}, size_t{33'000}, size_t{65'536}, size_t{100'000}, kMiB - 1,
                        kMiB, kMiB + 1, 5 * kMiB / 2, 5 * kMiB, size_t{70'000}, size_t{7}}) {
      Echo(*stub, Random(size));
    }
  }
  if (!IsSamehost(GetParam())) return;
  EXPECT_GT(LentHere(), before);
  EXPECT_GT(server().Stat("blocks_lent"), 0u);
}

TEST_P(LargeMessagesTest, StreamWithManyUnderWay) {
  auto stub = Stub(Unlimited());
  grpc::ClientContext context;
  auto stream = stub->BidiStream(&context);
  constexpr int kMessages = 60;
  const auto message = [](int i) {
    Request request;
    request.set_payload(MakePayload(1000 + static_cast<size_t>(i) * 40'000, 77 + i));
    return request;
  };
  std::thread writer([&] {
    for (int i = 0; i < kMessages; ++i) ASSERT_TRUE(stream->Write(message(i)));
    stream->WritesDone();
  });
  Reply reply;
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_TRUE(stream->Read(&reply)) << i;
    ASSERT_TRUE(reply.payload() == message(i).payload()) << i;
  }
  writer.join();
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(LargeMessagesTest, ManyThreads) {
  auto channel = Channel(Unlimited());
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      auto stub = Behaviour::NewStub(channel);
      for (int i = 0; i < 30; ++i) {
        Request request;
        request.set_payload(MakePayload(20'000 + static_cast<size_t>(i * 9'000 + t), 1000 * t + i));
        Echo(*stub, request);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// A thread that serves two connections in turn: what was prepared for one goes to the other.
TEST_P(LargeMessagesTest, TwoServersInTurn) {
  ServerOptions options;
  options.transport = GetParam();
  ServerProcess other(options);
  auto first = Stub(Unlimited());
  auto second = Behaviour::NewStub(MakeChannel(GetParam(), other.target(), Unlimited()));
  for (int i = 0; i < 12; ++i) {
    Echo(*first, Random(200'000));
    Echo(*first, Random(300'000));
    Echo(*second, Random(250'000));
  }
}

// The same message to a server that is gone and to the one that comes instead.
TEST_P(LargeMessagesTest, ServerReplaced) {
  auto channel = Channel(Unlimited());
  auto stub = Behaviour::NewStub(channel);
  for (int i = 0; i < 5; ++i) Echo(*stub, Random(kMiB));
  const std::string address = server().target();
  server().process().Kill();
  EXPECT_TRUE(channel->WaitForStateChange(GRPC_CHANNEL_READY, gpr_inf_future(GPR_CLOCK_REALTIME)));
  StartServerAt(address);
  for (int i = 0; i < 5; ++i) Echo(*stub, Random(kMiB));
}

// Bytes as they came, by the generic stub.
class KeptMessages {
 public:
  explicit KeptMessages(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {}
  ~KeptMessages() { queue_.Shutdown(); }

  grpc::Status Call(const grpc::ByteBuffer& request, grpc::ByteBuffer* reply) {
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    grpc::Status status;
    auto call =
        stub_.PrepareUnaryCall(&context, "/samehost.behaviour.Behaviour/Unary", request, &queue_);
    call->StartCall();
    call->Finish(reply, &status, this);
    void* tag = nullptr;
    bool ok = false;
    queue_.Next(&tag, &ok);
    return status;
  }
  static grpc::ByteBuffer Serialized(const Request& request) {
    grpc::ByteBuffer buffer;
    bool own = false;
    EXPECT_TRUE(grpc::SerializationTraits<Request>::Serialize(request, &buffer, &own).ok());
    return buffer;
  }
  static std::string Payload(grpc::ByteBuffer buffer) {
    Reply reply;
    EXPECT_TRUE(grpc::SerializationTraits<Reply>::Deserialize(&buffer, &reply).ok());
    return reply.payload();
  }

 private:
  grpc::GenericStub stub_;
  grpc::CompletionQueue queue_;
};

// More is kept than any arena holds; then the server dies; what was kept is as it came.
TEST_P(LargeMessagesTest, KeptRepliesOutliveTheServer) {
  KeptMessages caller(Channel(Unlimited()));
  std::deque<std::pair<Request, grpc::ByteBuffer>> kept;
  for (int i = 0; i < 100; ++i) {
    Request request = Random(kMiB);
    grpc::ByteBuffer reply;
    ASSERT_TRUE(caller.Call(KeptMessages::Serialized(request), &reply).ok()) << i;
    kept.emplace_back(std::move(request), reply);
    if (i % 3 == 0) kept.pop_front();
  }
  if (IsSamehost(GetParam())) {
    EXPECT_GT(server().Stat("blocks_lent"), 0u);
  }
  server().process().Kill();
  for (auto& [request, reply] : kept) {
    ASSERT_TRUE(KeptMessages::Payload(reply) == request.payload());
  }
  StartServer();
  expect_shared_memory = false;  // the counters are another server's
}

// One buffer, written in the arena of one connection, to two servers and back to the first.
TEST_P(LargeMessagesTest, OneBufferToTwoServers) {
  KeptMessages first(Channel(Unlimited()));
  ServerOptions options;
  options.transport = GetParam();
  ServerProcess other(options);
  KeptMessages second(MakeChannel(GetParam(), other.target(), Unlimited()));
  grpc::ByteBuffer reply;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(first.Call(KeptMessages::Serialized(Random(300'000)), &reply).ok());
  }
  const Request request = Random(300'000);
  const grpc::ByteBuffer buffer = KeptMessages::Serialized(request);
  for (KeptMessages* caller : {&first, &second, &first}) {
    ASSERT_TRUE(caller->Call(buffer, &reply).ok());
    EXPECT_TRUE(KeptMessages::Payload(reply) == request.payload());
  }
  if (IsSamehost(GetParam())) {
    EXPECT_GT(SamehostCounters()["blocks_lent"], 0u);
  }
}

// A call that is cancelled while large messages are on their way gives their memory back.
TEST_P(LargeMessagesTest, CancelledInBetween) {
  auto stub = Stub(Unlimited());
  for (int i = 0; i < 3; ++i) Echo(*stub, Random(kMiB));
  for (int i = 0; i < 40; ++i) {
    grpc::ClientContext context;
    auto stream = stub->BidiStream(&context);
    stream->Write(Random(3 * kMiB));
    context.TryCancel();
    Reply reply;
    while (stream->Read(&reply)) {
    }
    stream->Finish();
  }
  Echo(*stub, Random(kMiB));
  if (!IsSamehost(GetParam())) return;
  for (const bool here : {true, false}) {
    EXPECT_TRUE(WaitUntil(
        [&] {
          return (here ? SamehostCounters()["memory_bytes"] : server().Stat("memory_bytes")) <
                 512u * 1024;
        },
        "memory was given back"));
  }
}

INSTANTIATE_TEST_SUITE_P(Over, LargeMessagesTest, AllTransports(), ParamName);

}  // namespace
}  // namespace samehost::testing
