// The rendezvous: how a client that is about to connect to a resolved address learns that the
// server behind that very address is on this host and speaks our protocol, and how both get the
// descriptors of one shared-memory link.
//
//   server process                               client process
//   Announcement (one per listening address)     Connect(address) -> Connected or Fallback
//        |  unix socket in <dir>/<uid>/...            |
//        +------- hello: version, address, ring, fds -+
//        +------- accept / refuse(reason) ------------+
//
// Neither side knows gRPC or ZeroMQ: `protocol` says what will run over the link, and `request` /
// `reply` carry that protocol's own parameters as opaque bytes.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_RENDEZVOUS_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_RENDEZVOUS_H_

#include <sys/socket.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/rendezvous/fallback_reason.h"
#include "plugin/rendezvous/peer.h"
#include "plugin/rendezvous/trace.h"
#include "plugin/shm/link.h"

namespace samehost::rendezvous {

// Version of the handshake and of what runs over the link. A side speaks [kMin, kMax].
inline constexpr uint32_t kProtocolVersionMin = 1;
inline constexpr uint32_t kProtocolVersionMax = 1;

struct Options {
  std::string
      directory;  // empty: SAMEHOST_DIR, /run/samehost, the runtime directory, own 0700 folder
  AccessPolicy access;
  shm::LinkOptions link;
  std::string protocol;  // "grpc" or "zmq"; both sides must agree
  // Client only. The server goes through all of its checks and answers, but does not take the link.
  bool probe = false;
  Trace trace;  // may be empty
};

// A socket address: AF_INET, AF_INET6 or AF_UNIX (path and abstract); or NamedAddress().
struct Address {
  sockaddr_storage storage = {};
  socklen_t length = 0;
};
// A name that is no socket address at all: of a server that its clients know by other means, and
// that proves in `request` or `reply` who it is. At most 100 bytes, none of them zero.
Address NamedAddress(const std::string& name);
// "127.0.0.1:50051", "[::1]:50051", "unix:/path", "unix-abstract:name", "name:name" (for messages).
std::string ToString(const Address& address);

struct Connected {
  std::unique_ptr<shm::Link> link;
  PeerIdentity peer;
  uint32_t version = 0;
  std::string message;  // the server's reply (client side) or the client's request (server side)
};

// ---- Client ------------------------------------------------------------------------------------

// Looks for a server of ours behind `address` and makes a link with it. Blocks up to `timeout`
// (a stopped server; otherwise some hundred microseconds). Thread-safe. Never throws.
// `request` is given to the server's accept handler; its reply arrives in Connected::message.
// What is switched off (switches.h) is looked at here.
std::variant<Connected, Fallback> Connect(const Address& address, const Options& options,
                                          const std::string& request,
                                          std::chrono::milliseconds timeout);

// ---- Server ------------------------------------------------------------------------------------

// The answer of the protocol above to a client that has passed the rendezvous's own checks.
struct Verdict {
  FallbackReason reason = FallbackReason::kNone;  // kNone: accept
  std::string detail;
  std::string reply;  // given to the client as Connected::message
};

struct AcceptHandler {
  // Whether to go on with this client. Called on the rendezvous thread; must not block.
  std::function<Verdict(const PeerIdentity& peer, const std::string& request)> judge;
  // The link is up. Called on the rendezvous thread after the client has been told; must not block.
  std::function<void(Connected connected)> accept;
};

// Keeps the rendezvous entries of one listening address alive; unlinks them when destroyed. After
// the destructor returns no handler runs any more.
class Announcement {
 public:
  virtual ~Announcement() = default;
  // For an address with port 0: call once the port is known. The entry appears then.
  virtual Status SetPort(uint16_t port) = 0;
};

// Announces one bound (or about to be bound) address. Wildcard addresses answer for every address
// of this machine (and for both families when `address` is [::] and dual stack). For AF_UNIX paths
// the socket file need not exist yet: it is matched when a client asks. Errors say which directory
// was refused and why (use ToFallback).
Result<std::unique_ptr<Announcement>> Announce(const Address& address, const Options& options,
                                               AcceptHandler handler);

// The reason that belongs to an error of Announce or of link making.
Fallback ToFallback(const Error& error);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_RENDEZVOUS_H_
