// The proof that a slice of calls went the way its row claims, from counters read before and after
// it on both sides ({"messages", "link": {...}} as the workers' "facts" command returns them).
// Pure; throws ProofFailure with what did not add up.
#ifndef SAMEHOST_PLUGIN_BENCH_PROOF_H_
#define SAMEHOST_PLUGIN_BENCH_PROOF_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "plugin/bench/transport.h"

namespace samehost::bench {

struct SideEvidence {
  nlohmann::json before, after;
};

struct SliceEvidence {
  Transport transport = Transport::kStockUnix;
  uint64_t operations = 0;  // as the clients counted them
  uint64_t body_bytes = 0;  // of each message
  SideEvidence server{};
  std::vector<SideEvidence> clients{};        // one a process; empty for in-process
  std::vector<uint64_t> client_operations{};  // of each client
};

// Always: the server's handler received exactly as many messages as the clients got answers for.
// Samehost: on each side every one of them is in the link's counters, both ways, with its bytes,
// over a link that is alive; and no connection fell back meanwhile.
// All others: where the process has link counters at all, none of them moved.
void ProveSlice(const SliceEvidence& evidence);

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_PROOF_H_
