#include "plugin/bench/proof.h"

#include <string>

#include "plugin/bench/bench_failure.h"

namespace samehost::bench {
namespace {

using nlohmann::json;

[[noreturn]] void Violated(const SliceEvidence& evidence, const std::string& what) {
  throw ProofFailure("proof violated, " + std::string(Name(evidence.transport)) + ": " + what);
}

uint64_t Delta(const SideEvidence& side, const char* counter) {
  const json& before = side.before.at("link");
  const json& after = side.after.at("link");
  return after.at(counter).get<uint64_t>() - before.at(counter).get<uint64_t>();
}

void ProveCarried(const SliceEvidence& evidence, const std::string& who, const SideEvidence& side,
                  uint64_t operations) {
  if (side.after.at("link").empty()) Violated(evidence, "the " + who + " was built without it");
  if (side.after.at("link").at("links_live") == 0) {
    Violated(evidence,
             "the " + who + " has no live link\n" + side.after.at("fallbacks").get<std::string>());
  }
  if (Delta(side, "fallbacks") != 0) Violated(evidence, "the " + who + " fell back");
  for (const char* counter : {"messages_sent", "messages_received"}) {
    if (Delta(side, counter) < operations) {
      Violated(evidence, std::to_string(operations) + " calls, but the " + who + "'s " + counter +
                             " grew by " + std::to_string(Delta(side, counter)));
    }
  }
  for (const char* counter : {"bytes_sent", "bytes_received"}) {
    if (Delta(side, counter) < operations * evidence.body_bytes) {
      Violated(evidence, std::to_string(operations * evidence.body_bytes) + " bytes, but the " +
                             who + "'s " + counter + " grew by " +
                             std::to_string(Delta(side, counter)));
    }
  }
}

void ProveUntouched(const SliceEvidence& evidence, const std::string& who,
                    const SideEvidence& side) {
  if (side.before.at("link") != side.after.at("link")) {
    Violated(evidence, "the " + who + "'s link counters moved");
  }
}

}  // namespace

void ProveSlice(const SliceEvidence& evidence) {
  const auto received = evidence.server.after.at("messages").get<uint64_t>() -
                        evidence.server.before.at("messages").get<uint64_t>();
  if (received != evidence.operations) {
    Violated(evidence, "the clients count " + std::to_string(evidence.operations) +
                           " messages, the server " + std::to_string(received));
  }
  if (evidence.transport != Transport::kSamehost) {
    ProveUntouched(evidence, "server", evidence.server);
    for (const SideEvidence& client : evidence.clients) {
      ProveUntouched(evidence, "client", client);
    }
    return;
  }
  ProveCarried(evidence, "server", evidence.server, evidence.operations);
  if (evidence.clients.empty()) Violated(evidence, "no client counters");
  for (size_t i = 0; i < evidence.clients.size(); ++i) {
    ProveCarried(evidence, "client", evidence.clients[i], evidence.client_operations.at(i));
  }
}

}  // namespace samehost::bench
