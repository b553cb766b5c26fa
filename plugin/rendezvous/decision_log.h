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

  // The address uses the socket, for this reason: Record() and LogFallback() in one.
  void RecordFallback(const std::string& address, const Fallback& fallback,
                      Side side = Side::kConnecting);
  // The address is not to use shared memory, for this reason. Whether a socket then connects is not
  // known yet, so nothing is logged: LogFallback() or LogUnreached() follows.
  void Record(const std::string& address, const Fallback& fallback, Side side = Side::kConnecting);
  // The address now uses shared memory.
  void RecordShared(const std::string& address, Side side = Side::kConnecting);
  // A connection runs over a socket for this reason, or (LogRefusal) a server sent one client away,
  // which does not change what the address uses. Logged the first time that this address has this
  // reason; a warning where a user can do something about it.
  void LogFallback(const std::string& address, const Fallback& fallback);
  void LogRefusal(const std::string& address, const Fallback& fallback);
  // The same where nothing else is to be expected, whatever the reason (info): what `samehost run`
  // leaves alone unless it is told otherwise, a ZeroMQ peer on another host.
  void LogExpected(const std::string& address, const Fallback& fallback);
  // Not even a socket connected. That is for gRPC to report, and often nothing is wrong: of the two
  // addresses of "localhost" most servers listen on one. Logged (info) once.
  void LogUnreached(const std::string& address, const Fallback& fallback);

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
