#include "plugin/grpc/link_registry.h"

#include <mutex>
#include <set>

namespace samehost::grpc_transport {
namespace {

struct Registry {
  std::mutex mutex;
  std::set<shm::Link*> live;
  shm::CounterValues ended;
  uint64_t opened = 0;
};

Registry& TheRegistry() {
  static Registry* registry = new Registry();  // outlives every thread of gRPC
  return *registry;
}

void Add(const shm::CounterValues& more, shm::CounterValues* sum) {
  sum->messages_sent += more.messages_sent;
  sum->messages_received += more.messages_received;
  sum->bytes_sent += more.bytes_sent;
  sum->bytes_received += more.bytes_received;
  sum->records_sent += more.records_sent;
  sum->records_received += more.records_received;
  sum->doorbells_rung += more.doorbells_rung;
  sum->doorbells_deferred += more.doorbells_deferred;
  sum->sleeps += more.sleeps;
  sum->spins_succeeded += more.spins_succeeded;
  sum->spins_failed += more.spins_failed;
  sum->ring_full += more.ring_full;
  sum->blocks_lent += more.blocks_lent;
}

}  // namespace

void RegisterLink(shm::Link* link) {
  Registry& registry = TheRegistry();
  std::lock_guard lock(registry.mutex);
  if (registry.live.insert(link).second) ++registry.opened;
}

void UnregisterLink(shm::Link* link) {
  Registry& registry = TheRegistry();
  std::lock_guard lock(registry.mutex);
  if (registry.live.erase(link) > 0) Add(link->counters(), &registry.ended);
}

LinkTotals TotalsOfLinks() {
  Registry& registry = TheRegistry();
  std::lock_guard lock(registry.mutex);
  LinkTotals totals;
  totals.opened = registry.opened;
  totals.live = registry.live.size();
  totals.counters = registry.ended;
  for (const shm::Link* link : registry.live) {
    const shm::CounterValues now = link->counters();
    Add(now, &totals.counters);
    totals.counters.ring_bytes += now.ring_bytes;
    totals.memory_bytes += link->memory_bytes();
  }
  return totals;
}

}  // namespace samehost::grpc_transport
