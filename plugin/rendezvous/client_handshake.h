// The client's side of one handshake with one candidate. Blocks the calling thread, up to a
// deadline. Any thread; owns nothing beyond the call.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_CLIENT_HANDSHAKE_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_CLIENT_HANDSHAKE_H_

#include <chrono>
#include <string>
#include <variant>

#include "plugin/rendezvous/directory.h"
#include "plugin/rendezvous/handshake.h"
#include "plugin/rendezvous/rendezvous.h"

namespace samehost::rendezvous {

// What is the same for all candidates.
struct ClientHello {
  const Options& options;
  Endpoint target;
  const std::string& request;
  FileId netns = {};
  FileId socket_file = {};
};

// A stale entry is removed in passing, if it is this user's.
std::variant<Connected, Fallback> TryCandidate(const Candidate& candidate, const ClientHello& hello,
                                               std::chrono::steady_clock::time_point deadline);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_CLIENT_HANDSHAKE_H_
