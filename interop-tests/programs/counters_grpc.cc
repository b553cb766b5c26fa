#include <samehost/grpc.h>

#include "interop-tests/programs/counters.h"

namespace samehost::interop {

nlohmann::json SharedMemoryCounters() {
  const LinkStats stats = Stats();
  nlohmann::json decisions = nlohmann::json::array();
  for (const FallbackInfo& info : RecentFallbacks()) {
    decisions.push_back(
        {{"address", info.address}, {"reason", info.reason}, {"detail", info.detail}});
  }
  return {{"links_opened", stats.links_opened},   {"links_live", stats.links_live},
          {"messages_sent", stats.messages_sent}, {"messages_received", stats.messages_received},
          {"bytes_sent", stats.bytes_sent},       {"decisions", decisions}};
}

}  // namespace samehost::interop
