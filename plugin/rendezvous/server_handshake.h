// ServerHandshake: the server's side of one client's handshake, from accept() to the link. A state
// machine that never blocks:
//
//   hello -> listening -> done            same namespace: wait (briefly) until the port is ours
//   hello -> proof -> connections -> done other namespace: wait for the client's connections to
//   show up
//
// Owner and only thread: the rendezvous thread. Every way out sends the client an answer if it can,
// and closes all descriptors that the client sent.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_SERVER_HANDSHAKE_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_SERVER_HANDSHAKE_H_

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "plugin/base/unique_fd.h"
#include "plugin/rendezvous/announced.h"
#include "plugin/rendezvous/handshake.h"
#include "plugin/rendezvous/peer.h"

namespace samehost::rendezvous {

class ServerHandshake {
 public:
  using Clock = std::chrono::steady_clock;

  // `socket`: just accepted from `announced`'s entry. `netns`: of the rendezvous thread.
  ServerHandshake(std::shared_ptr<Announced> announced, UniqueFd socket, const FileId& netns);

  // Goes as far as it can. False when it has ended, one way or the other.
  bool Step();

  // The announcement has ended: tells the client.
  void Abandon() { (void)Refuse(FallbackReason::kServerShuttingDown, ""); }

  int socket() const { return socket_.get(); }
  // When to call Step() even if the socket is silent.
  Clock::time_point wake_at() const;
  const std::shared_ptr<Announced>& announced() const { return announced_; }

 private:
  enum class Phase { kHello, kListening, kProof, kConnections };

  bool OnHello();
  bool OnProof();
  bool AwaitListener();
  bool AskForProof();
  bool AwaitConnections();
  bool Finish();
  Result<Listening> CheckListener();
  // The checks that need nothing but the hello; kNone when it may go on.
  Fallback CheckHello(const std::string& bytes, bool complete);
  Fallback CheckPlace();
  Fallback CheckSwitches() const;
  bool ClientHasGone();
  bool Retry();  // true: try again a little later; false: the phase's time is over
  bool Refuse(FallbackReason reason, const std::string& detail);  // always false
  bool RefuseFor(const Error& error);

  std::shared_ptr<Announced> announced_;
  UniqueFd socket_;
  FileId netns_;
  PeerIdentity peer_;
  Phase phase_ = Phase::kHello;
  Clock::time_point deadline_;  // of the phase
  Clock::time_point retry_at_;
  std::chrono::milliseconds retry_step_{1};
  Hello hello_;
  uint32_t version_ = 0;
  std::vector<UniqueFd> descriptors_;
  bool trusts_peer_ = false;
  bool needs_proof_ = false;  // the client is in another network namespace
  std::vector<IpEndpoint> connections_;
};

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_SERVER_HANDSHAKE_H_
