#include "plugin/cli/status_json.h"

#include <nlohmann/json.hpp>

namespace samehost::cli {
namespace {

using Json = nlohmann::ordered_json;

double Seconds(uint64_t from, uint64_t to) {
  return to > from ? static_cast<double>(to - from) * 1e-9 : 0;
}

Json OfProcess(pid_t pid, const std::string& name, char state) {
  Json out;
  out["pid"] = pid;
  out["name"] = name;
  out["stopped"] = state == 'T' || state == 't';
  return out;
}

Json OfSide(const ObservedSide& side) {
  Json out = OfProcess(side.pid, side.name, side.state);
  out["pid_in_its_namespace"] = side.inner_pid;
  out["uid"] = side.uid == ~0u ? Json() : Json(side.uid);
  out["address"] = side.address;
  out["messages_sent"] = side.counters.messages_sent;
  out["messages_received"] = side.counters.messages_received;
  out["bytes_sent"] = side.counters.bytes_sent;
  out["bytes_received"] = side.counters.bytes_received;
  out["records_sent"] = side.counters.records_sent;
  out["doorbells_rung"] = side.counters.doorbells_rung;
  out["doorbells_deferred"] = side.counters.doorbells_deferred;
  out["sleeps"] = side.counters.sleeps;
  out["spins_succeeded"] = side.counters.spins_succeeded;
  out["spins_failed"] = side.counters.spins_failed;
  out["ring_full"] = side.counters.ring_full;
  out["blocks_lent"] = side.counters.blocks_lent;
  out["ring_bytes"] = side.ring_bytes;
  out["ring_used_bytes"] = side.ring_used;
  return out;
}

Json OfLink(const ObservedLink& link, const Rates& rates, uint64_t now) {
  Json out;
  out["id"] = std::to_string(link.id.device) + "-" + std::to_string(link.id.inode);
  out["protocol"] = link.protocol();
  out["address"] = link.address();
  out["age_seconds"] = Seconds(link.started_unix_nanos(), now);
  out["memory_bytes"] = link.memory_bytes;
  out["client"] = OfSide(link.client());
  out["server"] = OfSide(link.server());
  const auto found = rates.find(link.id);
  const LinkRates rate = found != rates.end() ? found->second : LinkRates();
  out["rates"] = {{"client_messages_per_second", rate.messages_per_second[0]},
                  {"client_bytes_per_second", rate.bytes_per_second[0]},
                  {"server_messages_per_second", rate.messages_per_second[1]},
                  {"server_bytes_per_second", rate.bytes_per_second[1]}};
  return out;
}

Json OfDecision(const ObservedDecision& decision, uint64_t now) {
  const rendezvous::DecisionRecord& record = decision.record;
  Json out = OfProcess(decision.process.pid, decision.process.name, decision.process.state);
  out["uid"] = decision.process.uid;
  out["protocol"] = record.protocol;
  out["side"] = record.side == rendezvous::DecisionSide::kListening ? "server" : "client";
  out["address"] = record.address;
  out["reason"] = Name(record.reason);
  out["detail"] = record.detail;
  out["remedy"] = Explain(record.reason, record.protocol);
  out["times"] = record.times;
  if (decision.sockets.has_value()) out["open_sockets"] = *decision.sockets;
  out["age_seconds"] = Seconds(record.unix_nanos, now);
  return out;
}

}  // namespace

std::string StatusJson(const Snapshot& snapshot, const Rates& rates) {
  Json out;
  out["unix_seconds"] = static_cast<double>(snapshot.unix_nanos) * 1e-9;
  out["links"] = Json::array();
  for (const ObservedLink& link : snapshot.links) {
    out["links"].push_back(OfLink(link, rates, snapshot.unix_nanos));
  }
  out["fallbacks"] = Json::array();
  out["listening"] = Json::array();
  for (const ObservedDecision& decision : snapshot.decisions) {
    const bool shared = decision.record.reason == FallbackReason::kNone;
    const bool listening = decision.record.side == rendezvous::DecisionSide::kListening;
    if (shared && !listening) continue;  // it is a link, or was one
    out[shared ? "listening" : "fallbacks"].push_back(OfDecision(decision, snapshot.unix_nanos));
  }
  out["unsupported"] = Json::array();
  for (const LeftAlone& one : snapshot.left_alone) {
    Json entry = OfProcess(one.process.pid, one.process.name, one.process.state);
    entry["protocol"] = one.protocol;
    entry["detail"] = one.why;
    out["unsupported"].push_back(entry);
  }
  out["outdated"] = Json::array();
  for (const BuiltFrom& library : snapshot.outdated) {
    out["outdated"].push_back({{"library", library.library},
                               {"path", library.path},
                               {"built_from", library.source},
                               {"package", library.installed->name},
                               {"installed", library.installed->source_version}});
  }
  out["switched_off"] = snapshot.switched_off;
  out["other_version_links"] = snapshot.other_version_links;
  out["hidden_processes"] = snapshot.hidden_processes;
  return out.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

}  // namespace samehost::cli
