// Rates: what a link did between two snapshots, per second.
#ifndef SAMEHOST_PLUGIN_CLI_RATES_H_
#define SAMEHOST_PLUGIN_CLI_RATES_H_

#include <map>

#include "plugin/cli/snapshot.h"

namespace samehost::cli {

// [0] from client to server, [1] from server to client.
struct LinkRates {
  double messages_per_second[2] = {0, 0};
  double bytes_per_second[2] = {0, 0};
  double ring_full_per_second[2] = {0, 0};  // times that the sender found its ring full
};
using Rates = std::map<LinkId, LinkRates>;

// For the links that are in both. Counters that went backwards (a process may write there what it
// likes) count as standing still.
Rates RatesBetween(const Snapshot& before, const Snapshot& after);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_RATES_H_
