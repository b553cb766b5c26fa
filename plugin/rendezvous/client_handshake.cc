#include "plugin/rendezvous/client_handshake.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "plugin/rendezvous/entry.h"
#include "plugin/rendezvous/message_io.h"
#include "plugin/rendezvous/own_connections.h"
#include "plugin/shm/segment.h"

namespace samehost::rendezvous {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Outcome = std::variant<Connected, Fallback>;

void Tell(const Options& options, const TraceStep& step) {
  if (options.trace) options.trace(step);
}

milliseconds Left(Clock::time_point deadline) {
  return std::max(std::chrono::ceil<milliseconds>(deadline - Clock::now()), milliseconds(0));
}

class Attempt {
 public:
  Attempt(const Candidate& candidate, const ClientHello& hello, Clock::time_point deadline)
      : candidate_(candidate), hello_(hello), deadline_(deadline) {}

  Outcome Run() {
    if (auto fallback = Reach()) return *std::move(fallback);
    if (auto fallback = SendHello()) return *std::move(fallback);
    for (;;) {
      Message message;
      if (auto fallback = AwaitMessage(&message)) return *std::move(fallback);
      const auto kind = DecodeKind(message.bytes);
      if (!kind || !message.descriptors.empty()) return Nonsense();
      if (*kind != MessageKind::kProve || !connections_.empty())
        return OnAnswer(*kind, message.bytes);
      Tell(hello_.options,
           {true, "another network namespace", "the server asks for a proof that it is meant"});
      if (auto fallback = SendProof()) return *std::move(fallback);
    }
  }

 private:
  using MaybeFallback = std::optional<Fallback>;

  std::string Where() const { return candidate_.folder->path + "/" + candidate_.name; }
  Fallback Nonsense() const {
    return {FallbackReason::kHandshakeFailed, Where() + ": the server's answer is malformed"};
  }
  // Whether the entry's name has gone: a server that ends in good order removes it first.
  bool NameHasGone() const {
    struct stat status;
    const int at = candidate_.folder->fd.get();
    return fstatat(at, candidate_.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0;
  }
  // For an entry that nobody serves.
  Fallback Stale() const {
    if (NameHasGone()) return {FallbackReason::kServerShuttingDown, Where()};
    RemoveStale(candidate_);
    return {FallbackReason::kStaleEntry, Where()};
  }

  // Connects and looks at who is there.
  MaybeFallback Reach() {
    auto socket = ConnectEntry(candidate_, Left(deadline_));
    if (!socket) {
      const ErrorCode code = socket.error().code;
      if (code == ErrorCode::kClosed || code == ErrorCode::kNotFound) return Stale();
      return ToFallback(socket.error());
    }
    socket_ = *std::move(socket);
    const auto peer = ReadPeerIdentity(socket_.get());
    if (!peer) return ToFallback(peer.error());
    peer_ = *peer;
    if (peer_.uid != candidate_.folder->owner) {
      return Fallback{
          FallbackReason::kDirectoryRefused,
          Where() + ": uid " + std::to_string(peer_.uid) + " answers in another user's folder"};
    }
    if (!Accepts(hello_.options.access, peer_, socket_.get())) {
      return Fallback{FallbackReason::kWeRefusedUser,
                      "the server runs as uid " + std::to_string(peer_.uid)};
    }
    pidfd_ = OpenPeerPidfd(socket_.get(), peer_);
    Tell(hello_.options, {true, "the server process",
                          "pid " + std::to_string(peer_.pid) + ", uid " +
                              std::to_string(peer_.uid) + ", as the kernel says; it may serve us"});
    return std::nullopt;
  }

  MaybeFallback SendHello() {
    const shm::LinkOptions rings = shm::InWholePages(hello_.options.link);
    const bool trusts_peer = TrustsWithMemory(peer_);
    auto parts = shm::Link::MakeParts(rings, /*share_eventfds=*/trusts_peer);
    if (!parts) return ToFallback(parts.error());
    parts_ = *std::move(parts);
    parts_.trusts_peer = trusts_peer;
    Hello hello;
    hello.versions = SpokenVersions();
    hello.capabilities = hello_.options.probe ? kProbe : 0;
    hello.timeout_ms =
        static_cast<uint32_t>(std::clamp<int64_t>(Left(deadline_).count(), 0, 3600000));
    hello.initial_ring_bytes = rings.initial_ring_bytes;
    hello.max_ring_bytes = rings.max_ring_bytes;
    hello.netns = hello_.netns;
    hello.target = hello_.target;
    hello.socket_file = hello_.socket_file;
    hello.protocol = hello_.options.protocol;
    hello.request = hello_.request;
    std::vector<int> descriptors = {parts_.segment.get()};
    for (const UniqueFd& bell : parts_.doorbell) {
      if (bell.valid()) descriptors.push_back(bell.get());
    }
    Tell(hello_.options, {true, "memory for the rings",
                          std::to_string(shm::BackedBytes(parts_.segment.get())) +
                              " bytes, sealed, made and sent with the hello"});
    return Send(Encode(hello), descriptors);
  }

  MaybeFallback Send(const std::string& bytes, const std::vector<int>& descriptors) {
    const Status sent = SendMessage(socket_.get(), bytes, descriptors);
    // A server that has refused and closed already: its answer waits to be read.
    if (sent || sent.error().code == ErrorCode::kClosed) return std::nullopt;
    return ToFallback(sent.error());
  }

  MaybeFallback AwaitMessage(Message* message) {
    for (;;) {
      auto received = ReceiveMessage(socket_.get());
      if (!received) {
        if (received.error().code != ErrorCode::kClosed) return ToFallback(received.error());
        return Hangup();
      }
      if (*received) {
        *message = **std::move(received);
        return std::nullopt;
      }
      if (died_) return Stale();
      if (auto fallback = Wait()) return fallback;
    }
  }

  // Waits until there is something to read. A server that is dead while a child that it forked
  // keeps its sockets open shows in the pidfd only.
  MaybeFallback Wait() {
    pollfd polled[2] = {{socket_.get(), POLLIN, 0}, {pidfd_.get(), POLLIN, 0}};
    const auto left = Left(deadline_);
    if (left.count() == 0) return TimedOut();
    const int ready = poll(polled, 2, static_cast<int>(std::min<int64_t>(left.count(), 1 << 30)));
    if (ready < 0 && errno != EINTR) return ToFallback(SystemError("poll " + Where()));
    died_ = polled[1].revents != 0;
    return std::nullopt;
  }

  Fallback TimedOut() const { return {FallbackReason::kHandshakeTimeout, Where() + ": no answer"}; }

  // The server closed the socket without a word.
  Fallback Hangup() const {
    if (NameHasGone()) return {FallbackReason::kServerShuttingDown, Where()};
    return {FallbackReason::kHandshakeFailed, Where() + ": the server hung up"};
  }

  MaybeFallback SendProof() {
    // The server waits a second longer than this (kProofTime).
    const milliseconds bound = std::min(Left(deadline_) / 2, milliseconds(2000));
    auto opened = OpenConnections(hello_.target.tcp, kProofConnections, bound);
    if (!opened) return Fallback{FallbackReason::kOtherNamespace, ToString(opened.error())};
    connections_ = std::move(opened->sockets);
    return Send(Encode(Proof{std::move(opened->local_ends)}), {});
  }

  Outcome OnAnswer(MessageKind kind, const std::string& bytes) {
    if (kind == MessageKind::kRefuse) {
      auto refusal = DecodeRefuse(bytes);
      if (!refusal) return Nonsense();
      return Fallback{refusal->reason, std::move(refusal->detail)};
    }
    auto accept = DecodeAccept(bytes);
    if (!accept) return Nonsense();
    const VersionRange ours = SpokenVersions();
    if (accept->version < ours.min || accept->version > ours.max) return Nonsense();
    parts_.socket = std::move(socket_);
    parts_.peer_pidfd = std::move(pidfd_);
    auto link =
        shm::Link::Create(shm::Link::Side::kConnecting, std::move(parts_), hello_.options.link);
    if (!link) return ToFallback(link.error());
    return Connected{*std::move(link), peer_, accept->version, std::move(accept->reply)};
  }

  const Candidate& candidate_;
  const ClientHello& hello_;
  const Clock::time_point deadline_;
  UniqueFd socket_;
  UniqueFd pidfd_;
  bool died_ = false;
  PeerIdentity peer_;
  shm::LinkParts parts_;
  std::vector<UniqueFd> connections_;  // the proof: kept open until the answer is there
};

}  // namespace

Outcome TryCandidate(const Candidate& candidate, const ClientHello& hello,
                     Clock::time_point deadline) {
  Outcome outcome = Attempt(candidate, hello, deadline).Run();
  const auto* fallback = std::get_if<Fallback>(&outcome);
  const std::string where = candidate.folder->path + "/" + candidate.name;
  if (fallback == nullptr) {
    Tell(hello.options, {true, "the server's answer", where + ": accepted"});
  } else {
    Tell(hello.options, {false, "the server's answer",
                         where + ": " + std::string(Name(fallback->reason)) +
                             (fallback->detail.empty() ? "" : ", " + fallback->detail)});
  }
  return outcome;
}

}  // namespace samehost::rendezvous
