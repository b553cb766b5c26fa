// The order of events in a stream: who half-closes or finishes first, trailers-only responses,
// initial metadata ahead of messages, interceptors on both sides.
#include <grpcpp/support/client_interceptor.h>

#include <atomic>

#include "plugin/tests/harness/behaviour_fixture.h"
#include "plugin/tests/harness/payload.h"

namespace samehost::testing {
namespace {

class StreamShapesTest : public BehaviourTest {
 protected:
  void SetUp() override {
    BehaviourTest::SetUp();
    StartServer({"--interceptors"});
    stub_ = Stub();
    Ping(*stub_);
  }
  std::unique_ptr<Behaviour::Stub> stub_;
  grpc::ClientContext context_;
  Reply reply_;
};

TEST_P(StreamShapesTest, HalfCloseWithoutAnyMessage) {
  auto stream = stub_->BidiStream(&context_);
  EXPECT_TRUE(stream->WritesDone());
  EXPECT_FALSE(stream->Read(&reply_));
  EXPECT_TRUE(stream->Finish().ok());
  grpc::ClientContext context;
  auto writer = stub_->ClientStream(&context, &reply_);
  writer->WritesDone();
  EXPECT_TRUE(writer->Finish().ok());
  EXPECT_EQ(reply_.messages(), 0u);
}

TEST_P(StreamShapesTest, ServerWritesOnAfterTheClientsHalfClose) {
  Request request = Payload(3000);
  request.mutable_script()->set_write_all_first(true);
  request.mutable_script()->set_replies(200);
  auto stream = stub_->BidiStream(&context_);
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->WritesDone());
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(stream->Read(&reply_)) << i;
  EXPECT_FALSE(stream->Read(&reply_));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(StreamShapesTest, ServerFinishesBeforeTheClientsHalfClose) {
  Request request = Payload(10);
  request.mutable_script()->set_finish_without_reading(true);
  request.mutable_script()->set_status_code(grpc::StatusCode::ABORTED);
  request.mutable_script()->set_status_message("enough");
  auto stream = stub_->BidiStream(&context_);
  ASSERT_TRUE(stream->Write(request));
  EXPECT_FALSE(stream->Read(&reply_));
  // The call is over: writes fail from some point on, and never hang.
  while (stream->Write(Payload(1000))) {
  }
  stream->WritesDone();
  grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(status.error_message(), "enough");
}

// The client writes without end while the server has finished long since: nobody blocks for ever on
// credit that will not come.
TEST_P(StreamShapesTest, ServerFinishesWhileTheClientStreamsMegabytes) {
  Request request = Payload(10);
  request.mutable_script()->set_finish_without_reading(true);
  auto writer = stub_->ClientStream(&context_, &reply_);
  ASSERT_TRUE(writer->Write(request));
  Request big = Payload(1 << 20);
  while (writer->Write(big)) {
  }
  EXPECT_TRUE(writer->Finish().ok());
}

TEST_P(StreamShapesTest, WriteLastCarriesTheHalfClose) {
  auto stream = stub_->BidiStream(&context_);
  stream->WriteLast(Payload(5000), grpc::WriteOptions());
  EXPECT_TRUE(stream->Read(&reply_));
  EXPECT_EQ(reply_.payload().size(), 5000u);
  EXPECT_FALSE(stream->Read(&reply_));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_P(StreamShapesTest, CorkedInitialMetadata) {
  context_.set_initial_metadata_corked(true);
  auto stream = stub_->BidiStream(&context_);
  ASSERT_TRUE(stream->Write(Payload(100), grpc::WriteOptions().set_buffer_hint()));
  ASSERT_TRUE(stream->Write(Payload(100)));
  ASSERT_TRUE(stream->Read(&reply_));
  ASSERT_TRUE(stream->Read(&reply_));
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

// Status without any message or initial metadata.
TEST_P(StreamShapesTest, TrailersOnly) {
  Request request;
  request.mutable_script()->set_finish_without_reading(true);
  request.mutable_script()->set_status_code(grpc::StatusCode::FAILED_PRECONDITION);
  request.mutable_script()->set_status_message("trailers only");
  auto* pair = request.mutable_script()->add_trailing_metadata();
  pair->set_key("only");
  pair->set_value("trailer");
  auto stream = stub_->BidiStream(&context_);
  ASSERT_TRUE(stream->Write(request));
  stream->WaitForInitialMetadata();
  EXPECT_TRUE(context_.GetServerInitialMetadata().empty());
  EXPECT_FALSE(stream->Read(&reply_));
  grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "trailers only");
  EXPECT_EQ(context_.GetServerTrailingMetadata().count("only"), 1u);
}

// A unary call that fails carries no message: the reply stays as it was.
TEST_P(StreamShapesTest, TrailersOnlyUnary) {
  Request request = Payload(10);
  request.mutable_script()->set_status_code(grpc::StatusCode::NOT_FOUND);
  reply_.set_messages(42);
  grpc::Status status = stub_->Unary(&context_, request, &reply_);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
}

// Initial metadata arrive while the server holds the call open without a message.
TEST_P(StreamShapesTest, InitialMetadataAheadOfMessages) {
  Request request;
  request.mutable_script()->set_send_initial_metadata_first(true);
  request.mutable_script()->set_hold(true);
  auto* pair = request.mutable_script()->add_initial_metadata();
  pair->set_key("early");
  pair->set_value("bird");
  auto reader = stub_->ServerStream(&context_, request);
  reader->WaitForInitialMetadata();
  EXPECT_EQ(context_.GetServerInitialMetadata().count("early"), 1u);
  server().process().Tell("release");
  EXPECT_FALSE(reader->Read(&reply_));
  EXPECT_TRUE(reader->Finish().ok());
}

TEST_P(StreamShapesTest, ManyMessagesKeepTheirOrder) {
  constexpr int kMessages = 20000;
  auto stream = stub_->BidiStream(&context_);
  std::thread writer([&] {
    Request request;
    for (int i = 0; i < kMessages; ++i) {
      request.set_payload(std::to_string(i));
      if (!stream->Write(request, grpc::WriteOptions().set_buffer_hint())) break;
    }
    stream->WritesDone();
  });
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_TRUE(stream->Read(&reply_)) << i;
    ASSERT_EQ(reply_.payload(), std::to_string(i));
  }
  EXPECT_FALSE(stream->Read(&reply_));
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
}

class ClientCounter final : public grpc::experimental::Interceptor {
 public:
  explicit ClientCounter(std::atomic<int>* seen) : seen_(seen) {}
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    using Point = grpc::experimental::InterceptionHookPoints;
    for (Point point : {Point::PRE_SEND_INITIAL_METADATA, Point::PRE_SEND_MESSAGE,
                        Point::POST_RECV_MESSAGE, Point::POST_RECV_STATUS}) {
      if (methods->QueryInterceptionHookPoint(point)) ++*seen_;
    }
    if (methods->QueryInterceptionHookPoint(Point::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->insert({"intercepted", "yes"});
    }
    methods->Proceed();
  }

 private:
  std::atomic<int>* seen_;
};

class ClientCounterFactory final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  explicit ClientCounterFactory(std::atomic<int>* seen) : seen_(seen) {}
  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo*) override {
    return new ClientCounter(seen_);
  }

 private:
  std::atomic<int>* seen_;
};

TEST_P(StreamShapesTest, InterceptorsOnBothSides) {
  std::atomic<int> seen{0};
  ChannelOptions options;
  options.interceptors.push_back(std::make_unique<ClientCounterFactory>(&seen));
  auto stub = Stub(std::move(options));
  Request request = Payload(10);
  request.mutable_script()->set_report(true);
  ASSERT_TRUE(stub->Unary(&context_, request, &reply_).ok());
  EXPECT_EQ(seen, 4);
  bool found = false;
  for (const auto& pair : reply_.report().metadata()) found |= pair.key() == "intercepted";
  EXPECT_TRUE(found);
  // One message in, one out; and as much for the ping of SetUp.
  EXPECT_EQ(server().Stat("intercepted"), 4u);
}

INSTANTIATE_TEST_SUITE_P(Over, StreamShapesTest, AllTransports(), ParamName);

}  // namespace
}  // namespace samehost::testing
