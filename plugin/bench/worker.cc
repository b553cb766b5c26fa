#include "plugin/bench/worker.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include <chrono>
#include <string>

#include "plugin/bench/bench_failure.h"
#include "plugin/bench/link_hooks.h"
#include "plugin/bench/load.h"
#include "plugin/bench/message_pipe.h"
#include "plugin/bench/service.h"
#include "plugin/bench/transport.h"

namespace samehost::bench {
namespace {

using nlohmann::json;

constexpr auto kConnectTimeout = std::chrono::seconds(10);

class Worker {
 public:
  json Execute(const json& command);

 private:
  json Serve(const json& command);
  json Connect(const json& command);
  json Load(const json& command);
  json Facts() const;

  ServiceCounters counters_;
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
};

json Worker::Execute(const json& command) {
  const std::string name = command.at("command");
  if (name == "serve") return Serve(command);
  if (name == "connect") return Connect(command);
  if (name == "load") return Load(command);
  if (name == "facts") return Facts();
  if (name == "trim") {
    ::malloc_trim(0);
    return json::object();
  }
  throw BenchFailure("unknown command " + name);
}

json Worker::Serve(const json& command) {
  const std::string transport = command.at("transport");
  service_ =
      command.at("callback").get<bool>()
          ? MakeCallbackService(counters_)
          : MakeSyncService(counters_,
                            std::chrono::microseconds(command.at("handler_wait_us").get<int>()));
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(-1);
  builder.RegisterService(service_.get());
  std::string target;
  int port = 0;
  if (transport == Name(Transport::kStockUnix)) {
    target = "unix:" + command.at("directory").get<std::string>() + "/stock.sock";
    builder.AddListeningPort(target, grpc::InsecureServerCredentials());
  } else if (transport == Name(Transport::kStockTcp)) {
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  } else if (transport == Name(Transport::kSamehost)) {
    builder.AddListeningPort("127.0.0.1:0", SamehostServerCredentials(), &port);
  }
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) throw BenchFailure("the server for " + transport + " did not start");
  if (port != 0) target = "127.0.0.1:" + std::to_string(port);
  return {{"target", target}};
}

json Worker::Connect(const json& command) {
  const std::string transport = command.at("transport");
  const std::string target = command.at("target");
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // Several channels mean several connections.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  for (int i = command.at("channels"); i > 0; --i) {
    if (transport == Name(Transport::kInProcess)) {
      channels_.push_back(server_->InProcessChannel(arguments));
      continue;
    }
    channels_.push_back(grpc::CreateCustomChannel(target,
                                                  transport == Name(Transport::kSamehost)
                                                      ? SamehostChannelCredentials()
                                                      : grpc::InsecureChannelCredentials(),
                                                  arguments));
    if (!channels_.back()->WaitForConnected(std::chrono::system_clock::now() + kConnectTimeout)) {
      throw BenchFailure("no connection to " + target);
    }
  }
  return json::object();
}

json Worker::Load(const json& command) {
  const auto spec = command.at("spec").get<LoadSpec>();
  const LoadResult result = command.contains("channel")
                                ? RunLoad({channels_.at(command.at("channel"))}, spec)
                                : RunLoad(channels_, spec);
  const auto& samples = result.samples.nanoseconds();
  const auto* bytes = reinterpret_cast<const uint8_t*>(samples.data());
  return {{"operations", result.operations},
          {"wall_ns", result.wall_ns},
          {"cpu_ns", result.cpu_ns},
          {"samples", json::binary({bytes, bytes + samples.size() * sizeof(samples[0])})}};
}

json Worker::Facts() const {
  // relaxed: the controller asks between loads.
  return {{"messages", counters_.messages.load(std::memory_order_relaxed)},
          {"payload_errors", counters_.payload_errors.load(std::memory_order_relaxed)},
          {"link", LinkStatistics()},
          {"fallbacks", DescribeFallbacks()}};
}

// Keeps glibc from giving freed memory back to the kernel and faulting it in again at each message.
void RaiseAllocatorThresholds() {
  if (::mallopt(M_MMAP_THRESHOLD, kRaisedMmapThreshold) != 1 ||
      ::mallopt(M_TRIM_THRESHOLD, kRaisedTrimThreshold) != 1) {
    throw BenchFailure("mallopt refused the raised thresholds");
  }
}

void PinToCpu(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (::sched_setaffinity(0, sizeof(set), &set) != 0) FailErrno("pin to a CPU");
}

}  // namespace

int RunWorker(const WorkerOptions& options) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (options.raised_allocator) RaiseAllocatorThresholds();
  if (options.single_arena) ::mallopt(M_ARENA_MAX, 1);
  if (options.cpu >= 0) PinToCpu(options.cpu);
  MessagePipe pipe{UniqueFd(options.control_fd)};
  Worker worker;
  while (const std::optional<json> command = pipe.Receive()) {
    try {
      pipe.Send(worker.Execute(*command));
    } catch (const BenchFailure& failure) {
      pipe.Send({{"error", failure.what()}});
    }
  }
  // Without tearing down: nothing of it is measured, and the controller waits.
  ::_exit(0);
}

}  // namespace samehost::bench
