// The server's side before, during and after its life: clients that come early, ports that cannot
// be had, servers that end before they start, connections that end while they are being made.
#include "plugin/grpc/listener.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <gtest/gtest.h>
#include <samehost/grpc.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "plugin/grpc/echo_for_test.h"
#include "plugin/grpc/server_port.h"
#include "plugin/grpc/server_process_for_test.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/security/credentials/credentials.h"

namespace samehost::grpc_transport::testing {
namespace {

using ::samehost::ChannelCredentials;
using ::samehost::ServerCredentials;

class ListenerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/samehost-listener-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    options_.directory = directory_;
    before_ = Stats();
  }
  void TearDown() override { (void)!system(("rm -rf " + directory_).c_str()); }

  std::shared_ptr<grpc::Channel> Channel(const std::string& target) {
    return grpc::CreateCustomChannel(target, ChannelCredentials(options_), OwnSubchannels());
  }

  std::string directory_;
  Options options_;
  LinkStats before_;
};

// A server of the C core whose port is added long before it is started.
class CoreServer {
 public:
  explicit CoreServer(const Options& options) {
    grpc_init();
    server_ = grpc_server_create(nullptr, nullptr);
    queue_ = grpc_completion_queue_create_for_next(nullptr);
    grpc_server_register_completion_queue(server_, queue_, nullptr);
    grpc_core::ExecCtx exec_ctx;
    grpc_core::RefCountedPtr<grpc_server_credentials> insecure(
        grpc_insecure_server_credentials_create());
    port_ = AddPort(server_, "127.0.0.1:0", insecure.get(),
                    grpc_core::MakeRefCounted<Settings>(options, ProfileOf(insecure.get(), false)));
  }
  ~CoreServer() {
    grpc_server_shutdown_and_notify(server_, queue_, nullptr);
    grpc_server_cancel_all_calls(server_);
    grpc_event event;
    do {
      event = grpc_completion_queue_next(queue_, gpr_inf_future(GPR_CLOCK_REALTIME), nullptr);
    } while (event.tag != nullptr);
    grpc_server_destroy(server_);
    grpc_completion_queue_shutdown(queue_);
    while (grpc_completion_queue_next(queue_, gpr_inf_future(GPR_CLOCK_REALTIME), nullptr).type !=
           GRPC_QUEUE_SHUTDOWN) {
    }
    grpc_completion_queue_destroy(queue_);
    grpc_shutdown();
  }
  void Start() { grpc_server_start(server_); }
  int port() const { return port_; }
  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  grpc_server* server_;
  grpc_completion_queue* queue_;
  int port_ = 0;
};

TEST_F(ListenerTest, EarlyClientsWaitForTheServer) {
  CoreServer server(options_);
  ASSERT_GT(server.port(), 0);
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < 3; ++i) {
    channels.push_back(Channel(server.target()));
    channels.back()->GetState(/*try_to_connect=*/true);
  }
  for (const auto& channel : channels) {
    EXPECT_TRUE(
        channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(30)));
  }
  EXPECT_EQ(Stats().links_opened - before_.links_opened, 3u) << "only the clients' ends so far";
  server.Start();
  while (Stats().links_opened - before_.links_opened < 6) std::this_thread::yield();
}

TEST_F(ListenerTest, ServersThatNeverStart) {
  std::shared_ptr<grpc::Channel> channel;
  {
    CoreServer server(options_);
    channel = Channel(server.target());
    channel->GetState(true);
    EXPECT_TRUE(
        channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(30)));
  }
  // The link ended with the server.
  EXPECT_TRUE(channel->WaitForStateChange(
      GRPC_CHANNEL_READY, std::chrono::system_clock::now() + std::chrono::seconds(30)));
}

TEST_F(ListenerTest, TooManyEarlyClientsUseTheSocket) {
  CoreServer server(options_);
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (size_t i = 0; i < Listener::kMaxWaiting; ++i) {
    channels.push_back(Channel(server.target()));
    channels.back()->GetState(true);
    ASSERT_TRUE(channels.back()->WaitForConnected(std::chrono::system_clock::now() +
                                                  std::chrono::seconds(30)));
  }
  EXPECT_EQ(ReasonFor(server.target()), "none");
  const auto more = Channel(server.target());
  more->GetState(true);
  while (Stats().fallbacks == before_.fallbacks) std::this_thread::yield();
  EXPECT_EQ(ReasonFor(server.target()), "handshake_failed");
}

// An address that somebody else serves must never be offered, however short the time.
TEST_F(ListenerTest, APortThatCannotBeHadIsNotAnnounced) {
  EchoServer stock("127.0.0.1:0", grpc::InsecureServerCredentials(), [](grpc::ServerBuilder* b) {
    b->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  });
  ASSERT_TRUE(stock.running());
  for (int round = 0; round < 20; ++round) {
    EchoServer refused(stock.target(), ServerCredentials(options_), [](grpc::ServerBuilder* b) {
      b->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    });
    EXPECT_FALSE(refused.running());
    const EchoResult result = Echo(Channel(stock.target()), "x");
    EXPECT_TRUE(result.status.ok()) << result.status.error_message();
    EXPECT_EQ(result.auth_properties.count(kTransportProperty), 0u);
  }
  EXPECT_EQ(ReasonFor(stock.target()), "server_not_found") << DetailFor(stock.target());
}

TEST_F(ListenerTest, ChannelzNamesListenerAndConnections) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  const auto channel = Channel(server.target());
  ASSERT_TRUE(Echo(channel, "x").status.ok());
  const std::string peer = "samehost:uid=" + std::to_string(geteuid());
  bool found_server_socket = false;
  char* servers = grpc_channelz_get_servers(0);
  EXPECT_NE(std::string(servers).find("samehost listener 127.0.0.1:"), std::string::npos)
      << servers;
  gpr_free(servers);
  for (intptr_t id = 1; id < 20000; ++id) {
    char* socket = grpc_channelz_get_socket(id);
    if (socket == nullptr) continue;
    found_server_socket |= std::string(socket).find(peer) != std::string::npos;
    gpr_free(socket);
  }
  EXPECT_TRUE(found_server_socket);
}

TEST_F(ListenerTest, WithoutChannelz) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_), [](grpc::ServerBuilder* b) {
    b->AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  });
  grpc::ChannelArguments arguments = OwnSubchannels();
  arguments.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
  const auto channel =
      grpc::CreateCustomChannel(server.target(), ChannelCredentials(options_), arguments);
  const EchoResult result = Echo(channel, "x");
  EXPECT_TRUE(result.status.ok());
  EXPECT_EQ(result.auth_properties.count(kTransportProperty), 1u);
}

// Channels that end at any moment of their connection attempt: nothing may be left.
TEST_F(ListenerTest, ChannelsThatEndWhileTheyConnect) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  for (int round = 0; round < 200; ++round) {
    const auto channel = Channel(server.target());
    channel->GetState(true);
    for (int i = 0; i < (round % 20) * 50; ++i) std::this_thread::yield();
  }
  server.Shutdown();
  while (Stats().links_live > 0) std::this_thread::yield();
}

// The same while the rendezvous waits for a server that has stopped.
TEST_F(ListenerTest, ChannelsThatEndWhileTheRendezvousWaits) {
  ServerProcess server(directory_);
  server.Stop();
  for (int round = 0; round < 5; ++round) {
    const auto channel = Channel(server.target());
    channel->GetState(true);
    while (channel->GetState(false) == GRPC_CHANNEL_IDLE) std::this_thread::yield();
  }
  server.Kill();
  while (Stats().links_live > 0) std::this_thread::yield();
}

// A server that shuts down while clients keep coming.
TEST_F(ListenerTest, ServersThatEndWhileClientsConnect) {
  for (int round = 0; round < 10; ++round) {
    auto server = std::make_unique<EchoServer>("127.0.0.1:0", ServerCredentials(options_));
    const std::string target = server->target();
    std::atomic<bool> stop{false};
    std::vector<std::thread> clients;
    for (int c = 0; c < 3; ++c) {
      clients.emplace_back([&] {
        while (!stop.load(std::memory_order_relaxed)) {  // a hint
          (void)Echo(Channel(target), "x",
                     [](grpc::ClientContext* context) { context->set_wait_for_ready(false); });
        }
      });
    }
    for (int i = 0; i < 10 * round; ++i) std::this_thread::yield();
    server.reset();
    stop.store(true, std::memory_order_relaxed);
    for (std::thread& client : clients) client.join();
  }
  while (Stats().links_live > 0) std::this_thread::yield();
}

}  // namespace
}  // namespace samehost::grpc_transport::testing
