// The machine's switch while calls flow: none fails, links end, new connections use the socket, and
// shared memory comes back.
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <samehost/grpc.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "plugin/grpc/echo_for_test.h"
#include "plugin/rendezvous/switch_files.h"

namespace samehost::grpc_transport::testing {
namespace {

using ::samehost::ChannelCredentials;
using ::samehost::ServerCredentials;

// Echoes every message of a stream until its client has no more.
class StreamServer {
 public:
  explicit StreamServer(const Options& options) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", ServerCredentials(options), &port_);
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
  }
  ~StreamServer() { server_->Shutdown(std::chrono::system_clock::now()); }
  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  class Reactor final : public grpc::ServerGenericBidiReactor {
   public:
    Reactor() { StartRead(&message_); }
    void OnReadDone(bool ok) override { ok ? StartWrite(&message_) : Finish(grpc::Status::OK); }
    void OnWriteDone(bool ok) override {
      ok ? StartRead(&message_) : Finish(grpc::Status::CANCELLED);
    }
    void OnDone() override { delete this; }

   private:
    grpc::ByteBuffer message_;
  };
  class Service final : public grpc::CallbackGenericService {
    grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
      return new Reactor();
    }
  };

  Service service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// A stream of which every message is echoed.
class Stream {
 public:
  explicit Stream(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {
    context_.set_wait_for_ready(true);
    stream_ = stub_.PrepareCall(&context_, "/test/Echo", &queue_);
    stream_->StartCall(this);
    Next();
  }
  ~Stream() {
    context_.TryCancel();
    queue_.Shutdown();
    while (Next()) {
    }
  }
  bool Echo(const std::string& text) {
    const grpc::Slice slice(text);
    stream_->Write(grpc::ByteBuffer(&slice, 1), this);
    if (!Next()) return false;
    grpc::ByteBuffer back;
    stream_->Read(&back, this);
    return Next() && back.Length() == text.size();
  }
  grpc::Status End() {
    stream_->WritesDone(this);
    Next();
    grpc::ByteBuffer none;
    stream_->Read(&none, this);
    Next();
    grpc::Status status;
    stream_->Finish(&status, this);
    Next();
    return status;
  }

 private:
  bool Next() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
};

class SwitchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/samehost-switch-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    options_.directory = name;
  }
  void TearDown() override { std::filesystem::remove_all(options_.directory); }

  std::shared_ptr<grpc::Channel> Channel(const std::string& target) {
    return grpc::CreateCustomChannel(target, ChannelCredentials(nullptr, options_),
                                     OwnSubchannels());
  }
  void Write(const char* name, const std::string& text = "") {
    ASSERT_TRUE(rendezvous::WriteSwitchFile(options_.directory, name, text).ok());
  }
  void Remove(const char* name) {
    ASSERT_TRUE(rendezvous::RemoveSwitchFile(options_.directory, name).ok());
  }
  static bool Shared(const EchoResult& result) {
    EXPECT_TRUE(result.status.ok()) << result.status.error_message();
    return result.auth_properties.count(kTransportProperty) > 0;
  }
  static void AwaitNoLink() {
    for (int i = 0; i < 6000 && Stats().links_live > 0; ++i) usleep(10'000);
    ASSERT_EQ(Stats().links_live, 0u);
  }
  // Calls on three threads while `change` makes the links go, until none is left.
  void ExpectThatNoCallFails(const std::shared_ptr<grpc::Channel>& channel,
                             const std::function<void()>& change) {
    std::atomic<bool> stop{false};
    std::atomic<int> calls{0};
    std::vector<std::thread> callers;
    for (int i = 0; i < 3; ++i) {
      callers.emplace_back([&, payload = std::string(i == 2 ? 200000 : 100, 'x')] {
        while (!stop) {
          const EchoResult result = Echo(channel, payload);
          EXPECT_TRUE(result.status.ok()) << result.status.error_message();
          EXPECT_EQ(result.reply.size(), payload.size());
          ++calls;
        }
      });
    }
    while (calls < 100) std::this_thread::yield();
    EXPECT_GT(Stats().links_live, 0u);
    change();
    AwaitNoLink();
    const int before = calls;
    while (calls < before + 100) std::this_thread::yield();
    stop = true;
    for (std::thread& caller : callers) caller.join();
  }

  Options options_;
};

TEST_F(SwitchTest, OffWhileCallsFlowAndOnAgain) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  ASSERT_TRUE(server.running());
  const auto channel = Channel(server.target());
  ExpectThatNoCallFails(channel, [&] { Write(rendezvous::kOffFile); });
  EXPECT_EQ(ReasonFor(server.target()), "switched_off");
  EXPECT_EQ(DetailFor(server.target()),
            options_.directory + "/off is there (samehost on removes it)");
  EXPECT_FALSE(Shared(Echo(channel, "over the socket")));
  EXPECT_FALSE(Shared(Echo(Channel(server.target()), "the same on a new channel")));
  Remove(rendezvous::kOffFile);
  EXPECT_TRUE(Shared(Echo(Channel(server.target()), "back")));
  EXPECT_EQ(ReasonFor(server.target()), "none");
}

TEST_F(SwitchTest, AnIdleLinkEndsToo) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  const auto channel = Channel(server.target());
  EXPECT_TRUE(Shared(Echo(channel, "hello")));
  Write(rendezvous::kOffFile);
  AwaitNoLink();
  EXPECT_FALSE(Shared(Echo(channel, "hello")));
}

TEST_F(SwitchTest, AStreamUnderWayGoesOnToItsEnd) {
  StreamServer server(options_);
  const auto channel = Channel(server.target());
  auto stream = std::make_unique<Stream>(channel);
  ASSERT_TRUE(stream->Echo("before"));
  Write(rendezvous::kOffFile);
  while (Shared(Echo(channel, "call"))) std::this_thread::yield();
  EXPECT_GT(Stats().links_live, 0u);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(stream->Echo("after"));
  EXPECT_TRUE(stream->End().ok());
  stream.reset();
  AwaitNoLink();
}

// A side that does not see the file, or whose address is not in it, follows the other.
TEST_F(SwitchTest, TheServerAloneSeesIt) {
  EchoServer server("0.0.0.0:0", ServerCredentials(options_));
  const auto channel = Channel(server.target());
  // As the kernel says it, with or without IPv6.
  const std::string port = std::to_string(server.port());
  ExpectThatNoCallFails(
      channel, [&] { Write(rendezvous::kExcludeFile, "[::]:" + port + "\n0.0.0.0:" + port); });
  EXPECT_EQ(
      DetailFor(server.target()).find("at the server: " + options_.directory + "/exclude has"), 0u)
      << DetailFor(server.target());
}

TEST_F(SwitchTest, TheClientAloneSeesIt) {
  EchoServer server("0.0.0.0:0", ServerCredentials(options_));
  const auto channel = Channel(server.target());
  ExpectThatNoCallFails(channel, [&] { Write(rendezvous::kExcludeFile, server.target()); });
  EXPECT_EQ(DetailFor(server.target()), options_.directory + "/exclude has " + server.target());
}

TEST_F(SwitchTest, OtherAddressesStay) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  EchoServer other("127.0.0.1:0", ServerCredentials(options_));
  const auto channel = Channel(server.target()), other_channel = Channel(other.target());
  EXPECT_TRUE(Shared(Echo(other_channel, "hello")));
  EXPECT_TRUE(Shared(Echo(channel, "hello")));
  const uint64_t opened = Stats().links_opened;
  Write(rendezvous::kExcludeFile, server.target() + "\n");
  while (Stats().links_live > 2) std::this_thread::yield();  // both ends of the other
  EXPECT_FALSE(Shared(Echo(channel, "hello")));
  EXPECT_TRUE(Shared(Echo(other_channel, "hello")));
  EXPECT_EQ(Stats().links_opened, opened) << "the same link as before";
}

}  // namespace
}  // namespace samehost::grpc_transport::testing
