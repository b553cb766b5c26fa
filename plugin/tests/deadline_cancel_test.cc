// Deadlines, and cancellation from both sides at every stage of a call.
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <random>
#include <thread>

#include "plugin/tests/harness/behaviour_fixture.h"

namespace samehost::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

class DeadlineCancelTest : public BehaviourTest {
 protected:
  void SetUp() override {
    BehaviourTest::SetUp();
    StartServer();
    stub_ = Stub();
    Ping(*stub_);
  }
  bool ServerSawCancellation() {
    return static_cast<bool>(WaitUntil([this] { return server().Stat("calls_cancelled") > 0; },
                                       "the server's call is cancelled"));
  }
  Request Waiting() {
    Request request = Payload(10);
    request.mutable_script()->set_wait_for_cancel(true);
    return request;
  }

  std::unique_ptr<Behaviour::Stub> stub_;
  grpc::ClientContext context_;
  Reply reply_;
};

TEST_P(DeadlineCancelTest, UnaryDeadline) {
  context_.set_deadline(system_clock::now() + milliseconds(50));
  grpc::Status status = stub_->Unary(&context_, Waiting(), &reply_);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED) << status.error_message();
  EXPECT_TRUE(ServerSawCancellation());
}

TEST_P(DeadlineCancelTest, StreamDeadline) {
  context_.set_deadline(system_clock::now() + milliseconds(50));
  Request request = Waiting();
  request.mutable_script()->set_replies(1);
  auto reader = stub_->ServerStream(&context_, request);
  EXPECT_TRUE(reader->Read(&reply_));
  EXPECT_FALSE(reader->Read(&reply_));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(ServerSawCancellation());
}

TEST_P(DeadlineCancelTest, DeadlineThatHasPassedNeverReachesTheServer) {
  uint64_t before = server().Stat("calls_started");
  context_.set_deadline(system_clock::now() - milliseconds(1));
  grpc::Status status = stub_->Unary(&context_, Payload(10), &reply_);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  Ping(*stub_);
  EXPECT_EQ(server().Stat("calls_started"), before + 1);
}

TEST_P(DeadlineCancelTest, ServerKnowsTheDeadline) {
  Request request;
  request.mutable_script()->set_report(true);
  context_.set_deadline(system_clock::now() + std::chrono::seconds(1000));
  ASSERT_TRUE(stub_->Unary(&context_, request, &reply_).ok());
  EXPECT_GT(reply_.report().deadline_left_ms(), 900'000);
  EXPECT_LE(reply_.report().deadline_left_ms(), 1'020'000);
  grpc::ClientContext none;
  ASSERT_TRUE(stub_->Unary(&none, request, &reply_).ok());
  EXPECT_GT(reply_.report().deadline_left_ms(), 1'000'000'000);
}

// A server that has slept for longer than the calls' deadline is: it counts from when the call
// came.
TEST_P(DeadlineCancelTest, AfterAPauseLongerThanTheDeadline) {
  constexpr milliseconds kDeadline(1000);
  Request request;
  request.mutable_script()->set_report(true);
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(kDeadline + milliseconds(200));
    grpc::ClientContext context;
    context.set_deadline(system_clock::now() + kDeadline);
    grpc::Status status = stub_->Unary(&context, request, &reply_);
    EXPECT_TRUE(status.ok()) << "call " << i << ": " << status.error_message();
  }
}

TEST_P(DeadlineCancelTest, ManyDeadlinesAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> exceeded{0};
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      for (int round = 0; round < 20; ++round) {
        grpc::ClientContext context;
        context.set_deadline(system_clock::now() + milliseconds(1 + (i + round) % 7));
        Reply reply;
        grpc::Status status = stub_->Unary(&context, Waiting(), &reply);
        exceeded += status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(exceeded, 16 * 20);
  Ping(*stub_);
}

TEST_P(DeadlineCancelTest, CancelBeforeTheStart) {
  context_.TryCancel();
  EXPECT_EQ(stub_->Unary(&context_, Payload(10), &reply_).error_code(),
            grpc::StatusCode::CANCELLED);
}

TEST_P(DeadlineCancelTest, CancelWhileTheServerWorks) {
  std::thread canceller([this] {
    EXPECT_TRUE(WaitUntil([this] { return server().Stat("messages_read") > 1; }, "read"));
    context_.TryCancel();
  });
  EXPECT_EQ(stub_->Unary(&context_, Waiting(), &reply_).error_code(), grpc::StatusCode::CANCELLED);
  canceller.join();
  EXPECT_TRUE(ServerSawCancellation());
}

TEST_P(DeadlineCancelTest, CancelAfterTheStartOfAStream) {
  auto stream = stub_->BidiStream(&context_);
  WAIT_UNTIL(server().Stat("calls_started") > 1);
  context_.TryCancel();
  EXPECT_FALSE(stream->Read(&reply_));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  WAIT_UNTIL(server().Stat("calls_finished") == 2);
}

TEST_P(DeadlineCancelTest, CancelAfterTheFirstReply) {
  auto stream = stub_->BidiStream(&context_);
  ASSERT_TRUE(stream->Write(Payload(10)));
  ASSERT_TRUE(stream->Read(&reply_));
  context_.TryCancel();
  EXPECT_FALSE(stream->Read(&reply_));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(ServerSawCancellation());
}

TEST_P(DeadlineCancelTest, CancelAfterTheHalfClose) {
  auto stream = stub_->BidiStream(&context_);
  ASSERT_TRUE(stream->Write(Waiting()));
  ASSERT_TRUE(stream->WritesDone());
  ASSERT_TRUE(stream->Read(&reply_));
  context_.TryCancel();
  EXPECT_FALSE(stream->Read(&reply_));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(ServerSawCancellation());
}

// The server reads nothing more: the client's Write waits for room, and the cancellation ends that.
TEST_P(DeadlineCancelTest, CancelOfABlockedWrite) {
  Request request = Payload(1 << 20);
  request.mutable_script()->set_reads_on_demand(true);
  auto writer = stub_->ClientStream(&context_, &reply_);
  std::atomic<int> written{0};
  std::thread thread([&] {
    while (writer->Write(request)) ++written;
  });
  // Blocked: a second look some time later finds no progress.
  int seen = -1;
  EXPECT_TRUE(WaitUntil(
      [&] {
        std::this_thread::sleep_for(milliseconds(50));
        return written > 0 && std::exchange(seen, written.load()) == written;
      },
      "the writer is blocked"));
  context_.TryCancel();
  thread.join();
  EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::CANCELLED);
  WAIT_UNTIL(server().Stat("calls_finished") == 2);
}

// A stream object that goes away unread, without Finish: gRPC cancels the call by itself.
TEST_P(DeadlineCancelTest, AbandonedCallIsCancelled) {
  {
    grpc::ClientContext context;
    Request request = Waiting();
    request.mutable_script()->set_replies(3);
    grpc::CompletionQueue queue;
    auto reader = stub_->PrepareAsyncServerStream(&context, request, &queue);
    reader->StartCall(nullptr);
    void* tag;
    bool ok;
    ASSERT_TRUE(queue.Next(&tag, &ok));
    WAIT_UNTIL(server().Stat("calls_started") > 1);
  }
  EXPECT_TRUE(ServerSawCancellation());
}

TEST_P(DeadlineCancelTest, ServerCancelsAtEveryStage) {
  for (auto moment : {Script::BEFORE_READ, Script::BEFORE_WRITE, Script::AFTER_WRITE}) {
    SCOPED_TRACE(Script::Moment_Name(moment));
    Request request = Payload(10);
    request.mutable_script()->set_try_cancel(moment);
    request.mutable_script()->set_replies(2);
    if (moment != Script::BEFORE_READ) {
      grpc::ClientContext unary;
      EXPECT_EQ(stub_->Unary(&unary, request, &reply_).error_code(), grpc::StatusCode::CANCELLED);
      grpc::ClientContext server_stream;
      auto reader = stub_->ServerStream(&server_stream, request);
      while (reader->Read(&reply_)) {
      }
      EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
      grpc::ClientContext bidi;
      auto stream = stub_->BidiStream(&bidi);
      stream->Write(request);
      while (stream->Read(&reply_)) {
      }
      EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
    }
    if (moment != Script::AFTER_WRITE) {
      grpc::ClientContext client_stream;
      auto writer = stub_->ClientStream(&client_stream, &reply_);
      writer->Write(request);
      writer->WritesDone();
      EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::CANCELLED);
    }
  }
  Ping(*stub_);
}

TEST_P(DeadlineCancelTest, CallbackServerIsTold) {
  StartServer({}, Api::kCallback);
  auto stub = Stub();
  auto stream = stub->BidiStream(&context_);
  ASSERT_TRUE(stream->Write(Payload(10)));
  ASSERT_TRUE(stream->Read(&reply_));
  context_.TryCancel();
  EXPECT_TRUE(ServerSawCancellation());
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

// Passes unary calls on to another server, as a service in the middle does.
class Relay final : public Behaviour::Service {
 public:
  explicit Relay(std::unique_ptr<Behaviour::Stub> stub) : stub_(std::move(stub)) {}
  grpc::Status Unary(grpc::ServerContext* context, const Request* request, Reply* reply) override {
    auto onward = grpc::ClientContext::FromServerContext(*context);
    return stub_->Unary(onward.get(), *request, reply);
  }

 private:
  std::unique_ptr<Behaviour::Stub> stub_;
};

// Client -> relay in this process -> server in another: deadline and cancellation go through.
TEST_P(DeadlineCancelTest, PropagationThroughARelay) {
  Relay relay(Stub());
  grpc::ServerBuilder builder;
  std::string address = FreshAddress(GetParam());
  int port = 0;
  builder.AddListeningPort(address, MakeServerCredentials(GetParam()), &port);
  builder.RegisterService(&relay);
  auto server_here = builder.BuildAndStart();
  ASSERT_NE(server_here, nullptr);
  std::string target =
      IsUnix(GetParam()) ? address : address.substr(0, address.size() - 1) + std::to_string(port);
  auto stub = Behaviour::NewStub(MakeChannel(GetParam(), target));
  {
    grpc::ClientContext context;
    context.set_deadline(system_clock::now() + std::chrono::seconds(1000));
    Request request;
    request.mutable_script()->set_report(true);
    ASSERT_TRUE(stub->Unary(&context, request, &reply_).ok());
    EXPECT_LE(reply_.report().deadline_left_ms(), 1'020'000);
  }
  std::thread canceller([this] {
    EXPECT_TRUE(WaitUntil([this] { return server().Stat("messages_read") > 2; }, "read"));
    context_.TryCancel();
  });
  EXPECT_EQ(stub->Unary(&context_, Waiting(), &reply_).error_code(), grpc::StatusCode::CANCELLED);
  canceller.join();
  EXPECT_TRUE(ServerSawCancellation());
  server_here->Shutdown();
}

// Cancellations that race with everything else: nothing hangs, nothing is left behind.
TEST_P(DeadlineCancelTest, CancellationAtRandomMoments) {
  unsigned seed = std::random_device()();
  RecordProperty("seed", static_cast<int>(seed));
  printf("seed %u\n", seed);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(seed + t);
      for (int round = 0; round < 100; ++round) {
        grpc::ClientContext context;
        std::thread canceller([&context, us = random() % 2000] {
          std::this_thread::sleep_for(std::chrono::microseconds(us));
          context.TryCancel();
        });
        auto stream = stub_->BidiStream(&context);
        Reply reply;
        Request request = Payload(random() % 20000);
        while (stream->Write(request) && stream->Read(&reply)) {
          EXPECT_EQ(reply.payload().size(), request.payload().size());
        }
        EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
        canceller.join();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  WAIT_UNTIL(server().Stat("calls_finished") == server().Stat("calls_started"));
  Ping(*stub_);
}

INSTANTIATE_TEST_SUITE_P(Over, DeadlineCancelTest, AllTransports(), ParamName);

}  // namespace
}  // namespace samehost::testing
