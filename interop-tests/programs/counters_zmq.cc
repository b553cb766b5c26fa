#include <unistd.h>

#include <map>
#include <mutex>

#include "interop-tests/programs/counters.h"
#include "interop-tests/programs/zmq_links.h"
#include "plugin/cli/proc.h"
#include "plugin/rendezvous/decision_page.h"

namespace samehost::interop {
namespace {

// What the pages of a link said last counts on when it has gone.
class Seen {
 public:
  nlohmann::json Look() {
    auto live = OwnLinks(Side::kClient);
    const std::lock_guard<std::mutex> lock(mutex_);
    // Those that have gone since the last look: for the last time.
    for (auto& [id, link] : live_) Count(id, &link);
    live_ = std::move(live);
    for (auto& [id, link] : live_) Count(id, &link);
    uint64_t sent = 0, received = 0, bytes = 0;
    for (const auto& [id, counters] : all_) {
      sent += counters.messages_sent;
      received += counters.messages_received;
      bytes += counters.bytes_sent;
    }
    return {{"links_opened", all_.size()},
            {"links_live", live_.size()},
            {"messages_sent", sent},
            {"messages_received", received},
            {"bytes_sent", bytes}};
  }

 private:
  void Count(const cli::LinkId& id, OwnLink* link) {
    link->Refresh();
    all_[id] = link->side.counters;
  }

  std::mutex mutex_;
  std::map<cli::LinkId, OwnLink> live_;
  std::map<cli::LinkId, shm::CounterValues> all_;
};

nlohmann::json Decisions() {
  nlohmann::json out = nlohmann::json::array();
  bool readable = false;
  for (const cli::Descriptor& one : cli::ListDescriptors(getpid(), &readable)) {
    if (cli::MemfdName(one.target) != rendezvous::kDecisionMemoryName) continue;
    const auto decisions = rendezvous::ReadDecisions(one.number);
    if (!decisions) continue;
    for (const auto& record : decisions->records) {
      out.push_back({{"address", record.address},
                     {"reason", Name(record.reason)},
                     {"detail", record.detail}});
    }
  }
  return out;
}

Seen* AllSeen() {
  static auto* seen = new Seen;  // threads may still use it when the program ends
  return seen;
}

}  // namespace

void LookAtLinks() { AllSeen()->Look(); }

nlohmann::json SharedMemoryCounters() {
  nlohmann::json out = AllSeen()->Look();
  out["decisions"] = Decisions();
  return out;
}

}  // namespace samehost::interop
