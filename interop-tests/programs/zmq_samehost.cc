#include "interop-tests/programs/zmq_samehost.h"

#include "interop-tests/programs/zmq_links.h"

namespace samehost::interop {

void Arrivals::Begin() {
  received_.clear();
  for (const auto& [id, link] : OwnLinks(Side::kServer)) {
    received_[{id.device, id.inode}] = link.side.counters.messages_received;
  }
}

nlohmann::json Arrivals::End() {
  for (const auto& [id, link] : OwnLinks(Side::kServer)) {
    const cli::ObservedSide& side = link.side;
    // A link that was not there before had received nothing.
    if (side.counters.messages_received <= received_[{id.device, id.inode}]) continue;
    return {{"peer", PeerName(side)},
            {"peer_properties",
             {{"samehost_peer_uid", std::to_string(side.peer_uid)},
              {"samehost_peer_pid", std::to_string(side.peer_pid)}}}};
  }
  return nlohmann::json::object();
}

}  // namespace samehost::interop
