// The links of this process: live ones are asked for their counters, ended ones have left theirs.
// The source of samehost::Stats().
//
// The transport registers its link when it is made and unregisters it just before it destroys it.
// Any thread.
#ifndef SAMEHOST_PLUGIN_GRPC_LINK_REGISTRY_H_
#define SAMEHOST_PLUGIN_GRPC_LINK_REGISTRY_H_

#include <cstdint>

#include "plugin/shm/link.h"

namespace samehost::grpc_transport {

void RegisterLink(shm::Link* link);
// The link must still be alive: its last counters are added to the totals. Unknown links are
// ignored.
void UnregisterLink(shm::Link* link);

struct LinkTotals {
  uint64_t opened = 0;
  uint64_t live = 0;
  uint64_t memory_bytes = 0;    // of live links
  shm::CounterValues counters;  // of live and ended links; ring_bytes: of live links
};
LinkTotals TotalsOfLinks();

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_LINK_REGISTRY_H_
