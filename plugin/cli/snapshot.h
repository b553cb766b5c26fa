// Snapshot: everything of samehost's that this user can see on this host at one moment: links,
// decisions, and programs under `samehost run` that are left alone. Taken through /proc, without
// the processes' cooperation.
#ifndef SAMEHOST_PLUGIN_CLI_SNAPSHOT_H_
#define SAMEHOST_PLUGIN_CLI_SNAPSHOT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plugin/cli/observed_link.h"
#include "plugin/cli/outdated.h"
#include "plugin/cli/proc.h"
#include "plugin/rendezvous/decision_page.h"

namespace samehost::cli {

// What one process decided for one address.
struct ObservedDecision {
  Process process;
  rendezvous::DecisionRecord record;
  // Of a client that fell back: sockets that it has open to the address now, where that can be
  // told.
  std::optional<int> sockets;
};

// A program under `samehost run` with a gRPC or ZeroMQ that samehost cannot serve.
struct LeftAlone {
  Process process;
  std::string protocol;  // "grpc", "zmq"
  std::string why;
};

struct Snapshot {
  uint64_t unix_nanos = 0;
  uint64_t monotonic_nanos = 0;
  std::vector<ObservedLink> links;          // oldest first
  std::vector<ObservedDecision> decisions;  // by process, oldest first
  std::vector<LeftAlone> left_alone;
  // Libraries of this installation that lack an update of the distribution's. Not TakeSnapshot()'s.
  std::vector<BuiltFrom> outdated;
  // A sentence for each thing that is switched off for this user. Not TakeSnapshot()'s.
  std::vector<std::string> switched_off;
  size_t other_version_links = 0;  // links whose memory another version of samehost has laid out
  size_t hidden_processes = 0;     // that this user may not look into
};

Snapshot TakeSnapshot();

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_SNAPSHOT_H_
