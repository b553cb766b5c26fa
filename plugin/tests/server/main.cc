// behaviour_server: the server of the behaviour suites, in a process of its own. Flags:
// server_flags.h. Commands on the control channel, one line each:
//   stats               -> "calls_started=1 ... links_opened=1 ..."
//   fallbacks           -> "address reason detail|address reason detail"
//   release             lets calls that hold go on
//   read N              lets N messages of slow readers be read
//   limit N             no more than N further descriptors; "OK"
//   health NAME 0|1     sets the serving status
//   shutdown MS         Server::Shutdown with that deadline (-1: none), on a thread; then "down"
//   fork                forks a child that does nothing and lives on; its pid
//   exit                ends the process in an orderly way
#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <iostream>
#include <sstream>
#include <thread>

#ifdef SAMEHOST_TESTS_WITH_SAMEHOST
#include <samehost/grpc.h>
#endif

#include "plugin/tests/harness/control_channel.h"
#include "plugin/tests/harness/process_limits.h"
#include "plugin/tests/server/count_interceptor.h"
#include "plugin/tests/server/server_flags.h"
#include "plugin/tests/server/services.h"

namespace samehost::testing {
namespace {

std::shared_ptr<grpc::ServerCredentials> Credentials(const ServerFlags& flags,
                                                     const std::string& address) {
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
  if (flags.credentials == "local") {
    bool is_unix = address.rfind("unix", 0) == 0;
    credentials = grpc::experimental::LocalServerCredentials(is_unix ? UDS : LOCAL_TCP);
  }
#ifdef SAMEHOST_TESTS_WITH_SAMEHOST
  Options options;
  options.enabled = flags.enabled;
  options.directory = flags.directory;
  if (flags.ring != 0) options.initial_ring_bytes = flags.ring;
  if (flags.max_ring != 0) options.max_ring_bytes = flags.max_ring;
  options.allowed_users = flags.allowed_users;
  options.allowed_groups = flags.allowed_groups;
  credentials = ServerCredentials(credentials, options);
#endif
  return credentials;
}

void Configure(const ServerFlags& flags, grpc::ServerBuilder* builder) {
  for (const auto& [name, value] : flags.int_args) builder->AddChannelArgument(name, value);
  if (flags.max_receive != 0) builder->SetMaxReceiveMessageSize(flags.max_receive);
  if (flags.max_send != 0) builder->SetMaxSendMessageSize(flags.max_send);
  if (flags.compression >= 0) {
    builder->SetDefaultCompressionAlgorithm(
        static_cast<grpc_compression_algorithm>(flags.compression));
  }
  if (flags.pollers != 0) {
    builder->SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, flags.pollers);
  }
  if (flags.quota_bytes != 0) {
    grpc::ResourceQuota quota("behaviour_server");
    quota.Resize(static_cast<size_t>(flags.quota_bytes));
    builder->SetResourceQuota(quota);
  }
}

std::string Stats(const ServiceState& state) {
  std::ostringstream out;
  out << "calls_started=" << state.calls_started << " calls_finished=" << state.calls_finished
      << " calls_cancelled=" << state.calls_cancelled << " messages_read=" << state.messages_read
      << " intercepted=" << state.intercepted;
#ifdef SAMEHOST_TESTS_WITH_SAMEHOST
  LinkStats stats = samehost::Stats();
  out << " links_opened=" << stats.links_opened << " links_live=" << stats.links_live
      << " fallbacks=" << stats.fallbacks << " messages_sent=" << stats.messages_sent
      << " messages_received=" << stats.messages_received << " bytes_sent=" << stats.bytes_sent
      << " bytes_received=" << stats.bytes_received << " blocks_lent=" << stats.blocks_lent
      << " memory_bytes=" << stats.memory_bytes;
#endif
  return out.str();
}

std::string Fallbacks() {
  std::string text;
#ifdef SAMEHOST_TESTS_WITH_SAMEHOST
  for (const FallbackInfo& info : RecentFallbacks()) {
    text += info.address + " " + info.reason + " " + info.detail + "|";
  }
#endif
  return text;
}

// Answers commands until "exit" or until the test has gone.
void Command(ControlChannel* control, ServiceState* state, grpc::Server* server) {
  std::thread shutdown;
  for (std::string line; control->Read(&line);) {
    std::istringstream in(line);
    std::string verb;
    in >> verb;
    if (verb == "stats") control->Write(Stats(*state));
    if (verb == "fallbacks") control->Write(Fallbacks());
    if (verb == "release") state->Release();
    if (verb == "read") {
      uint64_t count = 0;
      in >> count;
      state->AllowReads(count);
    }
    if (verb == "limit") {
      int more = 0;
      in >> more;
      LimitDescriptors(more);
      control->Write("OK");
    }
    if (verb == "health") {
      std::string name;
      bool serving = false;
      in >> name >> serving;
      server->GetHealthCheckService()->SetServingStatus(name, serving);
    }
    if (verb == "shutdown") {
      int ms = 0;
      in >> ms;
      shutdown = std::thread([control, server, ms] {
        if (ms < 0) {
          server->Shutdown();
        } else {
          server->Shutdown(std::chrono::system_clock::now() + std::chrono::milliseconds(ms));
        }
        control->Write("down");
      });
    }
    if (verb == "fork") control->Write(std::to_string(ForkIdleChild()));
    if (verb == "exit") break;
  }
  if (shutdown.joinable()) shutdown.join();
}

int Main(int argc, char** argv) {
  ServerFlags flags = ParseServerFlags(argc, argv);
  DieWithParent(flags.parent);
  if (flags.uid >= 0) BecomeUser(flags.uid);
  ControlChannel control(ControlChannel::kChildDescriptor);
  if (flags.health) grpc::EnableDefaultHealthCheckService(true);
  if (flags.reflection) grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  if (flags.channelz) grpc::channelz::experimental::InitChannelzService();
  ServiceState state;
  auto service = MakeService(flags.api, &state);
  if (service == nullptr) return 2;
  grpc::ServerBuilder builder;
  Configure(flags, &builder);
  if (flags.interceptors) AddCountInterceptor(&builder, &state);
  service->Register(&builder);
  std::vector<int> ports(flags.addresses.size());
  for (size_t i = 0; i < ports.size(); ++i) {
    const std::string& address = flags.addresses[i];
    builder.AddListeningPort(address, Credentials(flags, address), &ports[i]);
  }
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    control.Write("FAILED to listen");
    return 1;
  }
  service->Start();
  std::string target = flags.addresses[0];
  if (target.size() > 2 && target.substr(target.size() - 2) == ":0") {
    target = target.substr(0, target.size() - 1) + std::to_string(ports[0]);
  }
  control.Write("READY " + target);
  Command(&control, &state, server.get());
  server->Shutdown(std::chrono::system_clock::now());
  service->Stop();
  return 0;
}

}  // namespace

std::unique_ptr<ApiService> MakeService(const std::string& api, ServiceState* state) {
  if (api == "Sync") return MakeSyncService(state);
  if (api == "Async") return MakeAsyncService(state);
  if (api == "Callback") return MakeCallbackService(state);
  if (api == "Generic") return MakeGenericService(state);
  if (api == "GenericCallback") return MakeGenericCallbackService(state);
  return nullptr;
}

}  // namespace samehost::testing

int main(int argc, char** argv) { return samehost::testing::Main(argc, argv); }
