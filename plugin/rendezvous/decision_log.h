// DecisionLog: for every address that this process connected to or listened on, whether shared
// memory is used and if not, why. The store behind samehost::RecentFallbacks(), and the writer of
// the page that `samehost status` reads.
//
// Owner: the process (one, never destroyed). Any thread. Bounded: the oldest addresses are dropped.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_DECISION_LOG_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_DECISION_LOG_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <vector>

#include "plugin/rendezvous/decision_page.h"
#include "plugin/rendezvous/fallback_reason.h"

namespace samehost::rendezvous {

struct Decision {
  std::string address;  // "127.0.0.1:50051", "unix:/path", "(channel credentials)"
  Fallback fallback;    // kNone: shared memory is used
};

class DecisionLog {
 public:
  using Side = rendezvous::DecisionSide;

  static constexpr size_t kMaxAddresses = 256;

  static DecisionLog& Get();

  // What `samehost status` is told: "grpc" if nobody says otherwise. Once, before anything is
  // recorded. `protocol` outlives the process.
  void SetProtocol(const char* protocol) { protocol_ = protocol; }

  // The address now uses the socket, for this reason. Logged (info) the first time that this
  // address has this reason.
  void RecordFallback(const std::string& address, const Fallback& fallback,
                      Side side = Side::kConnecting);
  // The address now uses shared memory.
  void RecordShared(const std::string& address, Side side = Side::kConnecting);
  // A refusal that does not change what the address uses (a server that sent one client away).
  void LogRefusal(const std::string& address, const Fallback& fallback);

  // Newest last.
  std::vector<Decision> Recent() const;
  uint64_t fallbacks() const;

 private:
  void RememberLocked(const std::string& address, const Fallback& fallback, Side side);

  const char* protocol_ = "grpc";
  mutable std::mutex mutex_;
  std::list<Decision> decisions_;  // oldest first
  uint64_t fallbacks_ = 0;
  rendezvous::DecisionPage page_;
};

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_DECISION_LOG_H_
