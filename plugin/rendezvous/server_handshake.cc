#include "plugin/rendezvous/server_handshake.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "plugin/base/descriptor_headroom.h"
#include "plugin/base/mapping.h"
#include "plugin/rendezvous/kernel_query.h"
#include "plugin/rendezvous/message_io.h"
#include "plugin/rendezvous/own_connections.h"
#include "plugin/rendezvous/switches.h"

namespace samehost::rendezvous {
namespace {

using std::chrono::milliseconds;

// A client sends its hello right after it has connected.
constexpr milliseconds kHelloTime{1000};
// How long a client may be kept because the port is not open yet: an announcement comes just before
// bind(). On a busy machine much may lie between the two; and a client that gives up goes to the
// socket, and stays there.
constexpr milliseconds kListenTime{1000};
// For the client's connections to get through.
constexpr milliseconds kProofTime{3000};
// And then for this process's own threads to accept them.
constexpr milliseconds kAcceptTime{500};
constexpr milliseconds kMaxRetryStep{20};

bool IsPowerOfTwo(uint32_t value) { return value != 0 && (value & (value - 1)) == 0; }

// Whether this side maps rings of these sizes.
bool AcceptsRings(const Hello& hello, const shm::LinkOptions& ours) {
  return IsPowerOfTwo(hello.initial_ring_bytes) && IsPowerOfTwo(hello.max_ring_bytes) &&
         hello.initial_ring_bytes >= PageBytes() &&
         hello.initial_ring_bytes <= hello.max_ring_bytes &&
         hello.initial_ring_bytes <= shm::InWholePages(ours).max_ring_bytes;
}

std::string Versions(VersionRange range) {
  return std::to_string(range.min) + ".." + std::to_string(range.max);
}

}  // namespace

ServerHandshake::ServerHandshake(std::shared_ptr<Announced> announced, UniqueFd socket,
                                 const FileId& netns)
    : announced_(std::move(announced)),
      socket_(std::move(socket)),
      netns_(netns),
      deadline_(Clock::now() + kHelloTime),
      retry_at_(deadline_) {}

bool ServerHandshake::Step() {
  if (phase_ == Phase::kHello && !OnHello()) return false;
  if (phase_ == Phase::kListening) return AwaitListener();
  if (phase_ == Phase::kProof && !OnProof()) return false;
  if (phase_ == Phase::kConnections) return AwaitConnections();
  return true;
}

ServerHandshake::Clock::time_point ServerHandshake::wake_at() const {
  return std::min(deadline_, retry_at_);
}

bool ServerHandshake::OnHello() {
  if (peer_.uid == static_cast<uid_t>(-1)) {
    const auto peer = ReadPeerIdentity(socket_.get());
    if (!peer) return Refuse(FallbackReason::kSystemError, ToString(peer.error()));
    peer_ = *peer;
    // Before a single byte is read: strangers hold no place in the queue.
    if (!Accepts(announced_->options.access, peer_, socket_.get())) {
      return Refuse(FallbackReason::kPeerRefusedUser,
                    "the server (uid " + std::to_string(geteuid()) + ") does not accept uid " +
                        std::to_string(peer_.uid));
    }
    if (!DescriptorsAllow(kSpareDescriptors)) {
      return Refuse(FallbackReason::kDescriptorsShort, "the server has fewer than " +
                                                           std::to_string(kSpareDescriptors) +
                                                           " file descriptors left");
    }
  }
  auto received = ReceiveMessage(socket_.get());
  if (!received) return false;
  if (!*received) {
    return Clock::now() < deadline_ || Refuse(FallbackReason::kHandshakeFailed, "no hello came");
  }
  descriptors_ = std::move((*received)->descriptors);
  Fallback refusal = CheckHello((*received)->bytes, (*received)->complete);
  if (refusal.reason == FallbackReason::kNone) refusal = CheckSwitches();
  if (refusal.reason == FallbackReason::kNone) refusal = CheckPlace();
  if (refusal.reason != FallbackReason::kNone) return Refuse(refusal.reason, refusal.detail);
  return true;
}

Fallback ServerHandshake::CheckHello(const std::string& bytes, bool complete) {
  const auto versions = DecodeVersions(bytes);
  if (!versions) return {FallbackReason::kHandshakeFailed, "the hello is malformed"};
  version_ = CommonVersion(*versions, SpokenVersions());
  if (version_ == 0) {
    return {FallbackReason::kVersionMismatch, "the server speaks " + Versions(SpokenVersions()) +
                                                  ", the client " + Versions(*versions)};
  }
  auto hello = DecodeHello(bytes);
  if (!hello) return {FallbackReason::kHandshakeFailed, "the hello is malformed"};
  hello_ = *std::move(hello);
  if (hello_.protocol != announced_->options.protocol) {
    return {FallbackReason::kProtocolMismatch, "the server speaks " + announced_->options.protocol};
  }
  if (!AcceptsRings(hello_, announced_->options.link)) {
    return {FallbackReason::kBadRingParameters,
            "the server's rings have at most " +
                std::to_string(announced_->options.link.max_ring_bytes) + " bytes"};
  }
  trusts_peer_ = TrustsWithMemory(peer_);
  constexpr size_t kWithEventfds = 3, kWithout = 1;
  if (!complete && descriptors_.size() < (trusts_peer_ ? kWithEventfds : kWithout)) {
    return {FallbackReason::kDescriptorsShort, "the server could not take the descriptors"};
  }
  // Eventfds are for peers only that trust each other (shm/link.h).
  if (!trusts_peer_ && descriptors_.size() == kWithEventfds) {
    return {FallbackReason::kHandshakeFailed,
            "the client shares eventfds, and is not of the server's user, PID namespace and user "
            "namespace"};
  }
  if (!complete || (descriptors_.size() != kWithEventfds && descriptors_.size() != kWithout)) {
    return {FallbackReason::kHandshakeFailed, "the hello has the wrong descriptors"};
  }
  return {};
}

// A client may see other directories than this side, and name another address than was announced.
Fallback ServerHandshake::CheckSwitches() const {
  const SwitchFiles files = ReadSwitchFiles(announced_->options.directory);
  auto why = SwitchedOffByFile(files, announced_->address);
  if (!why && hello_.target.kind == EndpointKind::kTcp) {
    Address target;
    target.storage = ToSockaddr(hello_.target.tcp, &target.length);
    why = SwitchedOffByFile(files, ToString(target));
  }
  return why ? Fallback{FallbackReason::kSwitchedOff, "at the server: " + *why} : Fallback{};
}

Fallback ServerHandshake::CheckPlace() {
  const Endpoint& target = hello_.target;
  if (!Covers(announced_->endpoint, target)) {
    return {FallbackReason::kServerNotFound, "the server has announced another address"};
  }
  if (netns_ != announced_->netns || netns_ == FileId{}) {
    return {FallbackReason::kOtherNamespace,
            "the server's threads are in several network namespaces"};
  }
  const bool same_netns = hello_.netns == netns_;
  const bool tcp = target.kind == EndpointKind::kTcp;
  if (!same_netns &&
      (target.kind == EndpointKind::kUnixAbstract || (tcp && target.tcp.is_loopback()))) {
    return {FallbackReason::kOtherNamespace,
            "such an address is only good in one network namespace"};
  }
  if (tcp) {
    const auto local = IsLocalAddress(target.tcp);
    if (!local) return ToFallback(local.error());
    if (!*local)
      return {FallbackReason::kServerNotFound, "the address does not lead to the server's host"};
  }
  needs_proof_ = tcp && !same_netns;
  phase_ = Phase::kListening;
  deadline_ = Clock::now() + std::min(kListenTime, milliseconds(hello_.timeout_ms / 2));
  return {};
}

bool ServerHandshake::ClientHasGone() {
  char byte;
  const ssize_t got = recv(socket_.get(), &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
  return got >= 0 || errno != EAGAIN;  // it has nothing to say at this point
}

bool ServerHandshake::Retry() {
  const auto now = Clock::now();
  if (now >= deadline_) return false;
  retry_at_ = now + retry_step_;
  retry_step_ = std::min(retry_step_ * 2, kMaxRetryStep);
  return true;
}

Result<Listening> ServerHandshake::CheckListener() {
  const Endpoint& target = hello_.target;
  ListenerCache* cache = &announced_->listener;
  switch (target.kind) {
    case EndpointKind::kTcp:
      return CheckTcpListener(target.tcp, cache);
    case EndpointKind::kUnixPath:
      return CheckUnixListener(announced_->socket_folder.get(), target.name, hello_.socket_file,
                               cache);
    case EndpointKind::kUnixAbstract:
      return CheckAbstractListener(target.name, cache);
    case EndpointKind::kName:
      return Listening::kOurs;  // no socket is meant
  }
  return Listening::kOthers;
}

bool ServerHandshake::AwaitListener() {
  if (ClientHasGone()) return false;
  const auto listening = CheckListener();
  if (!listening) return RefuseFor(listening.error());
  switch (*listening) {
    case Listening::kOurs:
      return needs_proof_ ? AskForProof() : Finish();
    case Listening::kNotYet:
      return Retry() ||
             Refuse(FallbackReason::kServerNotFound, "the server does not listen there yet");
    case Listening::kOthers:
      break;
  }
  return Refuse(FallbackReason::kServerNotFound, "the address leads to another process");
}

// Not before this process listens: a connection that is refused would prove nothing.
bool ServerHandshake::AskForProof() {
  if (!SendMessage(socket_.get(), EncodeProve()))
    return Refuse(FallbackReason::kHandshakeFailed, "");
  phase_ = Phase::kProof;
  deadline_ = retry_at_ = Clock::now() + kProofTime;
  return true;
}

bool ServerHandshake::OnProof() {
  auto received = ReceiveMessage(socket_.get());
  if (!received) return false;
  if (!*received) {
    return Clock::now() < deadline_ || Refuse(FallbackReason::kOtherNamespace, "no proof came");
  }
  auto proof = DecodeProof((*received)->bytes);
  if (!proof || !(*received)->descriptors.empty()) {
    return Refuse(FallbackReason::kHandshakeFailed, "the proof is malformed");
  }
  connections_ = std::move(proof->connections);
  for (auto at = connections_.begin(); at != connections_.end(); ++at) {
    if (std::find(at + 1, connections_.end(), *at) != connections_.end()) connections_.clear();
    if (connections_.empty()) break;
  }
  if (connections_.size() < kProofConnections) {
    return Refuse(FallbackReason::kOtherNamespace, "the proof has too few connections");
  }
  phase_ = Phase::kConnections;
  deadline_ = Clock::now() + kAcceptTime;
  return true;
}

bool ServerHandshake::AwaitConnections() {
  if (ClientHasGone()) return false;
  if (HasConnections(hello_.target.tcp, connections_)) return Finish();
  return Retry() || Refuse(FallbackReason::kOtherNamespace,
                           "the client's connections to the address did not arrive at this server");
}

bool ServerHandshake::Finish() {
  const AcceptHandler& handler = announced_->handler;
  Verdict verdict = handler.judge ? handler.judge(peer_, hello_.request) : Verdict{};
  // The handler may have destroyed its announcement.
  if (announced_->closed.load(std::memory_order_relaxed)) {
    return Refuse(FallbackReason::kServerShuttingDown, "");
  }
  if (verdict.reason != FallbackReason::kNone) return Refuse(verdict.reason, verdict.detail);
  shm::LinkParts parts;
  parts.segment = std::move(descriptors_[0]);
  for (size_t i = 1; i < descriptors_.size(); ++i)
    parts.doorbell[i - 1] = std::move(descriptors_[i]);
  parts.trusts_peer = trusts_peer_;
  parts.peer_pidfd = OpenPeerPidfd(socket_.get(), peer_);
  parts.socket = UniqueFd(fcntl(socket_.get(), F_DUPFD_CLOEXEC, 0));
  if (!parts.socket.valid()) {
    parts = {};
    return Refuse(FallbackReason::kDescriptorsShort, "dup of the socket");
  }
  auto link =
      shm::Link::Create(shm::Link::Side::kAccepting, std::move(parts), announced_->options.link);
  if (!link) return RefuseFor(link.error());
  if (!SendMessage(socket_.get(), Encode(Accept{version_, 0, std::move(verdict.reply)})))
    return false;
  socket_.Reset();
  if ((hello_.capabilities & kProbe) != 0) return false;  // it only asked
  if (handler.accept) {
    handler.accept(Connected{*std::move(link), peer_, version_, std::move(hello_.request)});
  }
  return false;
}

bool ServerHandshake::RefuseFor(const Error& error) {
  const Fallback refusal = ToFallback(error);
  return Refuse(refusal.reason, refusal.detail);
}

bool ServerHandshake::Refuse(FallbackReason reason, const std::string& detail) {
  // Before the client is told: it connects to the socket at once, which needs a descriptor, too.
  descriptors_.clear();
  (void)SendMessage(socket_.get(), Encode(samehost::rendezvous::Refuse{reason, detail}));
  return false;
}

}  // namespace samehost::rendezvous
