#include <samehost/grpc.h>

#include "plugin/bench/link_hooks.h"

namespace samehost::bench {

bool HasSamehost() { return true; }

std::shared_ptr<grpc::ChannelCredentials> SamehostChannelCredentials() {
  return samehost::ChannelCredentials();
}

std::shared_ptr<grpc::ServerCredentials> SamehostServerCredentials() {
  return samehost::ServerCredentials();
}

nlohmann::json LinkStatistics() {
  const LinkStats stats = Stats();
  return {{"links_opened", stats.links_opened},
          {"links_live", stats.links_live},
          {"fallbacks", stats.fallbacks},
          {"messages_sent", stats.messages_sent},
          {"messages_received", stats.messages_received},
          {"bytes_sent", stats.bytes_sent},
          {"bytes_received", stats.bytes_received},
          {"doorbells_rung", stats.doorbells_rung},
          {"sleeps", stats.sleeps},
          {"spins_succeeded", stats.spins_succeeded},
          {"spins_failed", stats.spins_failed},
          {"ring_full", stats.ring_full},
          {"memory_bytes", stats.memory_bytes}};
}

std::string DescribeFallbacks() {
  std::string text;
  for (const FallbackInfo& info : RecentFallbacks()) {
    if (info.reason == "none") continue;
    text += info.address + ": " + info.reason + " (" + info.detail + ")\n";
  }
  return text;
}

}  // namespace samehost::bench
