// Processes that are killed or stopped in the middle of everything.
#include <atomic>
#include <random>
#include <sstream>
#include <thread>

#include "plugin/tests/harness/behaviour_fixture.h"
#include "plugin/tests/harness/process_facts.h"

namespace samehost::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::system_clock;

ChannelOptions Eager() {
  ChannelOptions options;
  options.arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  options.arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  return options;
}

class CrashTest : public BehaviourTest {
 protected:
  int patience() const override { return 120; }

  std::unique_ptr<ChildProcess> StartClient(std::vector<std::string> flags = {}) {
    ChildProcess::Options options;
    options.program = IsSamehost(GetParam()) ? "behaviour_client_samehost" : "behaviour_client";
    options.flags = std::move(flags);
    return std::make_unique<ChildProcess>(options);
  }
  // Whatever a client left at the server is gone.
  void ExpectServerClean() {
    WAIT_UNTIL(server().Stat("calls_finished") == server().Stat("calls_started"));
    if (!IsSamehost(GetParam())) return;
    WAIT_UNTIL(server().Stat("links_live") == 0);
    WAIT_UNTIL(SamehostMappings(server().pid()) == 0);
    WAIT_UNTIL(SamehostDescriptors(server().pid()) == 0);
  }
};

TEST_P(CrashTest, ServerKilledInMidCall) {
  std::string address = StartServer().target();
  auto channel = MakeChannel(GetParam(), address, Eager());
  auto stub = Behaviour::NewStub(channel);
  Ping(*stub);
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    std::vector<std::thread> calls;
    for (int i = 0; i < 4; ++i) {
      calls.emplace_back([&stub] {
        Request request = Payload(100);
        request.mutable_script()->set_hold(true);
        grpc::ClientContext context;
        Reply reply;
        grpc::Status status = stub->Unary(&context, request, &reply);
        EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
      });
    }
    grpc::ClientContext context;
    auto stream = stub->BidiStream(&context);
    Reply reply;
    ASSERT_TRUE(stream->Write(Payload(10)));
    ASSERT_TRUE(stream->Read(&reply));
    WAIT_UNTIL(server().Stat("calls_started") == 6);
    server().process().Kill();
    EXPECT_FALSE(stream->Read(&reply));
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
    for (std::thread& call : calls) call.join();
    // The channel finds the next server by itself; over shared memory again, as TearDown checks
    // for the last one and this for each.
    StartServerAt(address);
    Ping(*stub);
    if (IsSamehost(GetParam())) {
      EXPECT_EQ(server().Stat("links_opened"), 1u);
    }
  }
}

// Dies at any moment of full traffic, in either direction: no call hangs, none gets wrong data.
TEST_P(CrashTest, ServerKilledUnderLoad) {
  unsigned seed = std::random_device()();
  printf("seed %u\n", seed);
  std::mt19937 random(seed);
  std::string address = StartServer().target();
  auto channel = MakeChannel(GetParam(), address, Eager());
  auto stub = Behaviour::NewStub(channel);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  std::atomic<uint64_t> replies{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t n = 0; !stop; ++n) {
        grpc::ClientContext context;
        context.set_wait_for_ready(true);
        auto stream = stub->BidiStream(&context);
        Request request = Payload(t % 2 == 0 ? 300'000 : 100, n);
        Reply reply;
        while (!stop && stream->Write(request) && stream->Read(&reply)) {
          if (reply.payload() != request.payload()) ADD_FAILURE() << "wrong data";
          ++replies;
        }
        context.TryCancel();
        stream->Finish();
      }
    });
  }
  for (int round = 0; round < 15; ++round) {
    uint64_t before = replies;
    EXPECT_TRUE(WaitUntil([&] { return replies > before + 10; }, "traffic flows"));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
    server().process().Kill();
    StartServerAt(address);
  }
  // A call that is begun on the connection to the server that was killed fails, rightly.
  const uint64_t before = replies;
  EXPECT_TRUE(WaitUntil([&] { return replies > before + 10; }, "traffic flows from the last one"));
  Ping(*stub);
  stop = true;
  for (std::thread& thread : threads) thread.join();
  expect_shared_memory = false;  // attempts while there was no server fell back, rightly
  if (IsSamehost(GetParam())) {
    EXPECT_EQ(server().Stat("links_opened"), 1u);
  }
}

// What the server promised before it left must arrive.
TEST_P(CrashTest, StatusWrittenJustBeforeExitArrives) {
  for (Api api : {Api::kAsync, Api::kCallback}) {
    for (int round = 0; round < 10; ++round) {
      SCOPED_TRACE(::testing::Message() << Name(api) << " round " << round);
      StartServer({}, api);
      auto stub = Stub();
      Request request = Payload(round * 10'000);
      request.mutable_script()->set_exit_after_finish(true);
      request.mutable_script()->set_status_message("last words");
      request.mutable_script()->set_status_code(round % 2 == 0 ? 0 : grpc::StatusCode::ABORTED);
      grpc::ClientContext context;
      Reply reply;
      grpc::Status status = stub->Unary(&context, request, &reply);
      EXPECT_EQ(status.error_code(), round % 2 == 0 ? 0 : grpc::StatusCode::ABORTED)
          << status.error_message();
      if (round % 2 == 0) {
        EXPECT_TRUE(reply.payload() == request.payload());
      }
      EXPECT_EQ(server().process().Wait(), 0);
    }
  }
  expect_shared_memory = IsSamehost(GetParam());
}

TEST_P(CrashTest, ClientKilled) {
  std::string address = StartServer().target();
  auto client = StartClient();
  EXPECT_EQ(client->Ask("hold " + address + " 5"), "OK");
  WAIT_UNTIL(server().Stat("messages_read") == 5);
  client->Kill();
  WAIT_UNTIL(server().Stat("calls_cancelled") == 5);
  ExpectServerClean();
  expect_shared_memory = false;  // the client was another process
  if (IsSamehost(GetParam())) {
    EXPECT_EQ(server().Stat("links_opened"), 1u);
  }
}

TEST_P(CrashTest, ClientKilledUnderLoad) {
  std::string address = StartServer().target();
  for (int round = 0; round < 10; ++round) {
    auto client = StartClient();
    uint64_t before = server().Stat("messages_read");
    EXPECT_EQ(client->Ask("flood " + address), "OK");
    WAIT_UNTIL(server().Stat("messages_read") > before + 3);
    client->Kill();
  }
  ExpectServerClean();
  Ping(*Stub());
}

// A dead peer is found although somebody else keeps its descriptors open. (Over a stock socket
// that cannot be seen.)
class OrphanTest : public CrashTest {};

TEST_P(OrphanTest, ClientKilledWhileItsChildLives) {
  std::string address = StartServer().target();
  auto client = StartClient();
  EXPECT_EQ(client->Ask("hold " + address + " 2"), "OK");
  pid_t child = std::stoi(client->Ask("fork"));
  client->Kill();
  ASSERT_NE(State(child), 0);
  WAIT_UNTIL(server().Stat("calls_cancelled") == 2);
  ExpectServerClean();
  kill(child, SIGKILL);
  expect_shared_memory = false;  // the client was another process
}

TEST_P(OrphanTest, ServerKilledWhileItsChildLives) {
  std::string address = StartServer().target();
  auto stub = Stub();
  grpc::ClientContext context;
  auto stream = stub->BidiStream(&context);
  Reply reply;
  ASSERT_TRUE(stream->Write(Payload(10)));
  ASSERT_TRUE(stream->Read(&reply));
  pid_t child = std::stoi(server().process().Ask("fork"));
  server().process().Kill();
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  kill(child, SIGKILL);
}

TEST_P(CrashTest, StoppedServerIsFoundByKeepalive) {
  StartServer();
  ChannelOptions options;
  options.arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 200);
  options.arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 300);
  options.arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  auto stub = Stub(std::move(options));
  grpc::ClientContext context;
  auto stream = stub->BidiStream(&context);
  Reply reply;
  ASSERT_TRUE(stream->Write(Payload(10)));
  ASSERT_TRUE(stream->Read(&reply));
  server().process().Signal(SIGSTOP);
  EXPECT_FALSE(stream->Read(&reply));
  grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  server().process().Signal(SIGCONT);
}

TEST_P(CrashTest, StoppedClientIsFoundByKeepalive) {
  std::string address = StartServer({"--int_arg=" GRPC_ARG_KEEPALIVE_TIME_MS ":200",
                                     "--int_arg=" GRPC_ARG_KEEPALIVE_TIMEOUT_MS ":300",
                                     "--int_arg=" GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA ":0"})
                            .target();
  auto client = StartClient();
  EXPECT_EQ(client->Ask("hold " + address + " 1"), "OK");
  client->Signal(SIGSTOP);
  WAIT_UNTIL(server().Stat("calls_cancelled") == 1);
  ExpectServerClean();
  expect_shared_memory = false;  // the client was another process
}

// A server that is stopped when the client comes: the call's deadline holds, and when the server
// goes on so does the channel.
TEST_P(CrashTest, StoppedServerAtConnect) {
  StartServer();
  auto stub = Stub(Eager());
  server().process().Signal(SIGSTOP);
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(system_clock::now() + milliseconds(500));
  Reply reply;
  grpc::Status status = stub->Unary(&context, Payload(10), &reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED) << status.error_message();
  server().process().Signal(SIGCONT);
  Ping(*stub);
  expect_shared_memory = false;  // the first attempt may have fallen back
}

// Clients that connect, call and are killed, again and again.
TEST_P(CrashTest, ThousandKilledClientsLeakNothing) {
  constexpr int kAtOnce = 5;
  const int rounds = 1000 / kAtOnce / kSlowness;
  std::string address = StartServer().target();
  auto zygote = StartClient();
  ProcessFacts before;
  for (int round = 0; round < rounds; ++round) {
    for (int i = 0; i < kAtOnce; ++i) zygote->Tell("spawn " + address);
    std::vector<std::string> clients;
    for (int lines = 0; lines < 2 * kAtOnce; ++lines) {
      std::string line = zygote->Hear();  // "PID n" of the parent, "n OK pid" of the child
      if (line.rfind("PID ", 0) == 0) continue;
      clients.push_back(line.substr(0, line.find(' ')));
      ASSERT_NE(line.find(" OK "), std::string::npos) << line;
      // "|" alone: no fallback.
      if (IsSamehost(GetParam())) {
        EXPECT_EQ(line.substr(line.find('|')), "|") << line;
      }
    }
    for (const std::string& client : clients) kill(std::stoi(client), SIGKILL);
    for (const std::string& client : clients) ASSERT_EQ(zygote->Ask("reap " + client), "status 9");
    if (round == rounds / 10) {  // warm by now
      ExpectServerClean();
      before = FactsOf(server().pid());
    }
  }
  ExpectServerClean();
  // A descriptor or a thread may be on its way out.
  ASSERT_TRUE(WaitUntil(
      [&] {
        ProcessFacts now = FactsOf(server().pid());
        return now.descriptors <= before.descriptors + 2 && now.threads <= before.threads + 8;
      },
      "descriptors and threads are back where they were"))
      << FactsOf(server().pid()).descriptors << " descriptors after " << before.descriptors << ", "
      << FactsOf(server().pid()).threads << " threads after " << before.threads;
  expect_shared_memory = false;  // the clients were other processes
  if (IsSamehost(GetParam())) {
    EXPECT_EQ(server().Stat("links_opened"), static_cast<uint64_t>(rounds * kAtOnce));
  }
}

// Channels that come and go against servers that are killed: nothing stays in the client.
TEST_P(CrashTest, KilledServersLeakNothing) {
  const int rounds = 60 / kSlowness + 5;
  std::string address = StartServer().target();
  auto client = StartClient();
  ProcessFacts before;
  for (int round = 0; round < rounds; ++round) {
    StartServerAt(address);
    std::string answer = client->Ask("fresh " + address);
    ASSERT_EQ(answer, "OK " + std::to_string(server().pid()));
    answer = client->Ask("ping " + address);
    ASSERT_EQ(answer, "OK " + std::to_string(server().pid()));
    server().process().Kill();
    if (round == 5) before = FactsOf(client->pid());
  }
  if (IsSamehost(GetParam())) {
    WAIT_UNTIL(SamehostMappings(client->pid()) == 0);
    WAIT_UNTIL(SamehostDescriptors(client->pid()) == 0);
    EXPECT_GE(client->AskCounters()["links_opened"], static_cast<uint64_t>(2 * rounds));
  }
  ASSERT_TRUE(WaitUntil(
      [&] {
        ProcessFacts now = FactsOf(client->pid());
        return now.descriptors <= before.descriptors + 2 && now.threads <= before.threads + 8;
      },
      "descriptors and threads are back where they were"));
  expect_shared_memory = false;  // the client was another process
}

INSTANTIATE_TEST_SUITE_P(Over, CrashTest, AllTransports(), ParamName);
INSTANTIATE_TEST_SUITE_P(Over, OrphanTest, SamehostTransports(), ParamName);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(OrphanTest);

}  // namespace
}  // namespace samehost::testing
