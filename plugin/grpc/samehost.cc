// The public functions of samehost/grpc.h.
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/grpc_library.h>

#include <utility>

#include "plugin/grpc/client_credentials.h"
#include "plugin/grpc/include/samehost/grpc.h"
#include "plugin/grpc/link_registry.h"
#include "plugin/grpc/polling.h"
#include "plugin/grpc/runtime_check.h"
#include "plugin/grpc/server_credentials.h"
#include "plugin/rendezvous/decision_log.h"

namespace samehost {
namespace {

// With another gRPC no internal structure may be touched: not even to look what `fallback` is.
template <typename T>
std::shared_ptr<T> Wrap(std::shared_ptr<T> fallback, const Options& options, const char* label,
                        std::shared_ptr<T> (*insecure)(),
                        std::shared_ptr<T> (*wrap)(const std::shared_ptr<T>&, const Options&)) {
  grpc::GrpcLibraryCodegen grpc_is_up;
  const Fallback version = grpc_transport::CheckGrpcVersion();
  if (version.reason != FallbackReason::kNone) {
    rendezvous::DecisionLog::Get().RecordFallback(label, version);
    return fallback != nullptr ? fallback : insecure();
  }
  std::shared_ptr<T> wrapped = wrap(fallback, options);
  if (wrapped == nullptr) {
    rendezvous::DecisionLog::Get().RecordFallback(
        label, Fallback{FallbackReason::kCredentialsNotWrappable,
                        "a credentials class that is not gRPC's own is used as it is"});
    return fallback;
  }
  grpc_transport::SetWaitStrategy(options.wait);
  return wrapped;
}

}  // namespace

std::shared_ptr<grpc::ChannelCredentials> ChannelCredentials(
    std::shared_ptr<grpc::ChannelCredentials> fallback, const Options& options) {
  return Wrap(std::move(fallback), options, "(channel credentials)",
              grpc::InsecureChannelCredentials, grpc_transport::WrapChannelCredentials);
}

std::shared_ptr<grpc::ChannelCredentials> ChannelCredentials(const Options& options) {
  return ChannelCredentials(nullptr, options);
}

std::shared_ptr<grpc::ServerCredentials> ServerCredentials(
    std::shared_ptr<grpc::ServerCredentials> fallback, const Options& options) {
  return Wrap(std::move(fallback), options, "(server credentials)", grpc::InsecureServerCredentials,
              grpc_transport::WrapServerCredentials);
}

std::shared_ptr<grpc::ServerCredentials> ServerCredentials(const Options& options) {
  return ServerCredentials(nullptr, options);
}

std::shared_ptr<grpc::Channel> CreateChannel(const std::string& target, const Options& options) {
  return CreateCustomChannel(target, grpc::ChannelArguments(), options);
}

std::shared_ptr<grpc::Channel> CreateCustomChannel(const std::string& target,
                                                   const grpc::ChannelArguments& arguments,
                                                   const Options& options) {
  return grpc::CreateCustomChannel(target, ChannelCredentials(options), arguments);
}

std::vector<FallbackInfo> RecentFallbacks() {
  std::vector<FallbackInfo> out;
  for (const rendezvous::Decision& decision : rendezvous::DecisionLog::Get().Recent()) {
    out.push_back(FallbackInfo{decision.address, std::string(Name(decision.fallback.reason)),
                               decision.fallback.detail});
  }
  return out;
}

LinkStats Stats() {
  const grpc_transport::LinkTotals totals = grpc_transport::TotalsOfLinks();
  LinkStats stats;
  stats.links_opened = totals.opened;
  stats.links_live = totals.live;
  stats.fallbacks = rendezvous::DecisionLog::Get().fallbacks();
  stats.messages_sent = totals.counters.messages_sent;
  stats.messages_received = totals.counters.messages_received;
  stats.bytes_sent = totals.counters.bytes_sent;
  stats.bytes_received = totals.counters.bytes_received;
  stats.doorbells_rung = totals.counters.doorbells_rung;
  stats.sleeps = totals.counters.sleeps;
  stats.spins_succeeded = totals.counters.spins_succeeded;
  stats.spins_failed = totals.counters.spins_failed;
  stats.ring_full = totals.counters.ring_full;
  stats.blocks_lent = totals.counters.blocks_lent;
  stats.memory_bytes = totals.memory_bytes;
  return stats;
}

}  // namespace samehost
