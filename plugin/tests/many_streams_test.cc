// Very many streams on one connection; a slow one beside fast ones; random traffic from many
// threads with every byte checked.
#include <atomic>
#include <random>
#include <thread>

#include "plugin/tests/harness/behaviour_fixture.h"
#include "plugin/tests/harness/caller.h"
#include "plugin/tests/harness/completion_task.h"
#include "plugin/tests/harness/payload.h"
#include "plugin/tests/harness/process_facts.h"

namespace samehost::testing {
namespace {

class ManyStreamsTest : public BehaviourTest {
 protected:
  int patience() const override { return 120; }
};

// What the 10 000 streams have in common; all on the thread of the completion queue.
struct Crowd {
  Behaviour::Stub* stub;
  grpc::CompletionQueue queue;
  int answered = 0, finished = 0, wrong = 0;
  std::vector<CompletionTag*> waiting;
};

// Suspends until the test resumes everybody.
struct WaitForAll {
  Crowd* crowd;
  CompletionTag tag;
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    tag.waiting = handle;
    crowd->waiting.push_back(&tag);
  }
  void await_resume() {}
};

CompletionTask OneOfMany(Crowd* crowd, int number) {
  grpc::ClientContext context;
  auto stream = crowd->stub->PrepareAsyncBidiStream(&context, &crowd->queue);
  Request request;
  request.set_payload(MakePayload(10 + number % 50, number));
  Reply reply;
  co_await Completion([&](void* tag) { stream->StartCall(tag); });
  for (int round = 0; round < 2; ++round) {
    co_await Completion([&](void* tag) { stream->Write(request, tag); });
    bool ok = co_await Completion([&](void* tag) { stream->Read(&reply, tag); });
    crowd->wrong += !ok || reply.payload() != request.payload();
    ++crowd->answered;
    if (round == 0) co_await WaitForAll{crowd, {}};
  }
  co_await Completion([&](void* tag) { stream->WritesDone(tag); });
  grpc::Status status;
  co_await Completion([&](void* tag) { stream->Finish(&status, tag); });
  crowd->wrong += !status.ok();
  ++crowd->finished;
}

TEST_P(ManyStreamsTest, TenThousandStreamsAtOnce) {
  constexpr int kStreams = 10'000;
  StartServer({}, Api::kAsync);
  auto stub = Stub();
  Ping(*stub);
  Crowd crowd;
  crowd.stub = stub.get();
  for (int i = 0; i < kStreams; ++i) OneOfMany(&crowd, i);
  auto run_until = [&](int& counter, int goal) {
    while (counter < goal) RunOneCompletion(&crowd.queue);
  };
  run_until(crowd.answered, kStreams);
  Counters there = server().Stats();
  EXPECT_EQ(there["calls_started"] - there["calls_finished"], static_cast<uint64_t>(kStreams));
  for (CompletionTag* tag : std::exchange(crowd.waiting, {})) tag->waiting.resume();
  run_until(crowd.finished, kStreams);
  EXPECT_EQ(crowd.wrong, 0);
  WAIT_UNTIL(server().Stat("calls_finished") == kStreams + 1);
  if (IsSamehost(GetParam())) {
    EXPECT_EQ(server().Stat("links_opened"), 1u);
  }
}

// 16 threads of small calls; true while they all succeed.
void Fly(Behaviour::Stub& stub, int calls) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&stub, t, calls] {
      for (int i = 0; i < calls; ++i) {
        Request request;
        request.set_payload(MakePayload(i % 5000, t * 1000 + i));
        grpc::ClientContext context;
        Reply reply;
        grpc::Status status = stub.Unary(&context, request, &reply);
        if (!status.ok() || reply.payload() != request.payload()) {
          ADD_FAILURE() << status.error_code() << " " << status.error_message();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// The server does not read one stream: its writer blocks after a bounded number of bytes, all
// others fly, and what was written is all there later.
TEST_P(ManyStreamsTest, SlowReaderAtTheServer) {
  constexpr size_t kMessage = 64 * 1024;
  constexpr uint64_t kMessages = 4000;  // 250 MB
  StartServer();
  auto stub = Stub();
  Ping(*stub);
  size_t server_before = AnonymousBytes(server().pid()), here_before = AnonymousBytes(getpid());
  grpc::ClientContext context;
  Reply reply;
  auto writer = stub->ClientStream(&context, &reply);
  std::atomic<uint64_t> written{0};
  Checksum checksum;
  std::thread thread([&] {
    for (uint64_t i = 0; i < kMessages; ++i) {
      Request request = Payload(kMessage, i);
      if (i == 0) request.mutable_script()->set_reads_on_demand(true);
      checksum.Add(request.payload());
      if (!writer->Write(request)) break;
      ++written;
    }
    writer->WritesDone();
  });
  uint64_t seen = 0;
  EXPECT_TRUE(WaitUntil(
      [&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        return written > 0 && std::exchange(seen, written.load()) == written;
      },
      "the writer is blocked"));
  Fly(*stub, 100);
  EXPECT_LT(written, kMessages / 2) << "nobody holds the writer back";
  EXPECT_LT(AnonymousBytes(server().pid()), server_before + (100 << 20));
  EXPECT_LT(AnonymousBytes(getpid()), here_before + (100 << 20));
  server().process().Tell("read 1000000");
  thread.join();
  grpc::Status status = writer->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(reply.messages(), kMessages);
  EXPECT_EQ(reply.checksum(), checksum.value());
}

// The client does not read one stream while the server pours into it.
TEST_P(ManyStreamsTest, SlowReaderAtTheClient) {
  constexpr int kMessages = 4000;
  StartServer();
  auto stub = Stub();
  Ping(*stub);
  size_t server_before = AnonymousBytes(server().pid()), here_before = AnonymousBytes(getpid());
  grpc::ClientContext context;
  Request request;
  request.mutable_script()->set_replies(kMessages);
  request.mutable_script()->set_reply_bytes(64 * 1024);
  request.mutable_script()->set_reply_seed(5);
  auto reader = stub->ServerStream(&context, request);
  Fly(*stub, 100);
  EXPECT_LT(AnonymousBytes(server().pid()), server_before + (100 << 20));
  EXPECT_LT(AnonymousBytes(getpid()), here_before + (100 << 20));
  EXPECT_EQ(server().Stat("calls_started") - server().Stat("calls_finished"), 1u) << "not blocked";
  std::string expected = MakePayload(64 * 1024, 5);
  Reply reply;
  int count = 0;
  for (; reader->Read(&reply); ++count) {
    if (reply.payload() != expected) ADD_FAILURE() << "message " << count;
  }
  EXPECT_EQ(count, kMessages);
  EXPECT_TRUE(reader->Finish().ok());
}

// SAMEHOST_TEST_CALLS: calls of each thread; SAMEHOST_TEST_SEED repeats a run.
long FromEnvironment(const char* name, long otherwise) {
  const char* text = getenv(name);
  return text != nullptr ? atol(text) : otherwise;
}

TEST_P(ManyStreamsTest, RandomTrafficOf64Threads) {
  long seed = FromEnvironment("SAMEHOST_TEST_SEED", std::random_device()());
  long calls = FromEnvironment("SAMEHOST_TEST_CALLS", 60);
  printf("SAMEHOST_TEST_SEED=%ld SAMEHOST_TEST_CALLS=%ld\n", seed, calls);
  StartServer({}, Api::kCallback);
  // Some share a channel, some do not.
  std::vector<std::shared_ptr<grpc::Channel>> channels = {Channel(), Channel(), Channel()};
  std::vector<std::thread> threads;
  for (int t = 0; t < 64; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(seed * 64 + t);
      auto caller = MakeCaller(kAllApis[t % 5], channels[t % 3]);
      for (long i = 0; i < calls; ++i) {
        RpcKind kind = kAllKinds[random() % 4];
        // Mostly small, sometimes larger than the ring.
        size_t bytes = random() % 20 == 0 ? random() % 200'000 : random() % 2000;
        std::vector<Request> requests(
            kind == RpcKind::kUnary || kind == RpcKind::kServerStream ? 1 : 1 + random() % 8);
        for (Request& request : requests) request.set_payload(MakePayload(bytes, random()));
        requests[0].mutable_script()->set_replies(3);
        grpc::ClientContext context;
        Outcome outcome = caller->Call(kind, &context, requests);
        if (!outcome.status.ok()) {
          ADD_FAILURE() << Name(kind) << " " << outcome.status.error_message();
          return;
        }
        size_t replies = kind == RpcKind::kServerStream ? 3
                         : kind == RpcKind::kBidiStream ? requests.size()
                                                        : 1;
        if (outcome.replies.size() != replies) ADD_FAILURE() << Name(kind);
        for (size_t r = 0; r < outcome.replies.size(); ++r) {
          const Request& echoed = kind == RpcKind::kBidiStream ? requests[r] : requests.back();
          if (outcome.replies[r].payload() != echoed.payload()) ADD_FAILURE() << "wrong data";
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  WAIT_UNTIL(server().Stat("calls_finished") == static_cast<uint64_t>(64 * calls));
}

INSTANTIATE_TEST_SUITE_P(Over, ManyStreamsTest, AllTransports(), ParamName);

}  // namespace
}  // namespace samehost::testing
