#include "plugin/cli/rates.h"

namespace samehost::cli {
namespace {

double PerSecond(uint64_t before, uint64_t after, double seconds) {
  return after > before && seconds > 0 ? static_cast<double>(after - before) / seconds : 0;
}

}  // namespace

Rates RatesBetween(const Snapshot& before, const Snapshot& after) {
  Rates out;
  const double seconds =
      after.monotonic_nanos > before.monotonic_nanos
          ? static_cast<double>(after.monotonic_nanos - before.monotonic_nanos) * 1e-9
          : 0;
  std::map<LinkId, const ObservedLink*> old;
  for (const ObservedLink& link : before.links) old[link.id] = &link;
  for (const ObservedLink& link : after.links) {
    const auto found = old.find(link.id);
    // The kernel gives an inode number to another file once it is free.
    if (found == old.end() || found->second->started_unix_nanos() != link.started_unix_nanos()) {
      continue;
    }
    LinkRates& rates = out[link.id];
    for (size_t i = 0; i < 2; ++i) {
      const shm::CounterValues& from = found->second->side[i].counters;
      const shm::CounterValues& to = link.side[i].counters;
      rates.messages_per_second[i] = PerSecond(from.messages_sent, to.messages_sent, seconds);
      rates.bytes_per_second[i] = PerSecond(from.bytes_sent, to.bytes_sent, seconds);
      rates.ring_full_per_second[i] = PerSecond(from.ring_full, to.ring_full, seconds);
    }
  }
  return out;
}

}  // namespace samehost::cli
