// BehaviourTest: a test over one TransportKind, with servers in processes of their own, a watchdog,
// and at the end of a samehost instance the proof that shared memory carried the calls.
#ifndef SAMEHOST_PLUGIN_TESTS_HARNESS_BEHAVIOUR_FIXTURE_H_
#define SAMEHOST_PLUGIN_TESTS_HARNESS_BEHAVIOUR_FIXTURE_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugin/tests/behaviour.grpc.pb.h"
#include "plugin/tests/harness/server_process.h"
#include "plugin/tests/harness/transport_kind.h"
#include "plugin/tests/harness/wait_until.h"
#include "plugin/tests/harness/watchdog.h"

namespace samehost::testing {

using behaviour::Behaviour;
using behaviour::Reply;
using behaviour::Request;
using behaviour::Script;

// What a channel wants beyond the transport. ChannelArguments is added to, so pass by value.
struct ChannelOptions {
  grpc::ChannelArguments arguments;
  std::shared_ptr<grpc::ChannelCredentials> fallback;  // null: insecure
  size_t ring = 0, max_ring = 0;                       // 0: default
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
};

// A channel of this kind that shares no connection with other channels of the process.
std::shared_ptr<grpc::Channel> MakeChannel(TransportKind kind, const std::string& target,
                                           ChannelOptions options = {});

// Waits for a connectivity state. By WaitForStateChange, because GetState alone polls nothing: what
// the connection has to say would be read by gRPC's backup poller, once in five seconds.
::testing::AssertionResult AwaitState(grpc::Channel& channel, grpc_connectivity_state state,
                                      bool try_to_connect = false);

// For a server in the test's own process.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(TransportKind kind);

class BehaviourTest : public ::testing::TestWithParam<TransportKind> {
 protected:
  // Seconds until the watchdog bites.
  virtual int patience() const { return 60; }

  void SetUp() override;
  void TearDown() override;

  // The test's server; a second call replaces it (the first is killed).
  ServerProcess& StartServer(std::vector<std::string> flags = {}, Api api = Api::kSync);
  ServerProcess& StartServerAt(const std::string& address, std::vector<std::string> flags = {});
  ServerProcess& server() { return *server_; }
  std::shared_ptr<grpc::Channel> Channel(ChannelOptions options = {}) {
    return MakeChannel(GetParam(), server_->target(), std::move(options));
  }
  std::unique_ptr<Behaviour::Stub> Stub(ChannelOptions options = {}) {
    return Behaviour::NewStub(Channel(std::move(options)));
  }

  // For samehost: fails unless this process and the server opened links and moved messages since
  // the test began, and nothing fell back. TearDown calls it while `expect_shared_memory` holds.
  void ExpectSharedMemory();
  bool expect_shared_memory = true;

  static Request Payload(size_t bytes, uint64_t seed = 1);
  // One unary call with wait-for-ready; its status must be OK.
  static void Ping(Behaviour::Stub& stub);

 private:
  std::unique_ptr<Watchdog> watchdog_;
  std::unique_ptr<ServerProcess> server_;
  Counters before_;
};

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_HARNESS_BEHAVIOUR_FIXTURE_H_
