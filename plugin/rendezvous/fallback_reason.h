// FallbackReason: why a connection did not use shared memory. A closed enum: every refusal on
// either side is one of these; the wire carries the number, so values are never renumbered.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_FALLBACK_REASON_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_FALLBACK_REASON_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace samehost {

enum class FallbackReason : uint32_t {
  kNone = 0,                   // shared memory is used
  kSwitchedOff = 1,            // SAMEHOST=off, samehost off, the options, or an excluded address
  kNotLocalAddress = 2,        // the address belongs to another host
  kNoRendezvousDirectory = 3,  // no usable rendezvous directory on this side
  kDirectoryRefused = 4,       // squatter, symlink, or others may write: not trusted
  kServerNotFound = 5,         // nobody in the directory offers this address (a stock server)
  kStaleEntry = 6,             // only entries of dead servers were found
  kPeerRefusedUser = 7,        // the server does not accept this user
  kWeRefusedUser = 8,          // the server's user is not accepted by this side
  kVersionMismatch = 9,        // protocol versions have nothing in common
  kBadRingParameters = 10,     // a size or option that the other side does not accept
  kOtherNamespace = 11,        // another network namespace, and no proof that it is the same server
  kMemoryShort = 12,           // no memory, or no cgroup headroom
  kDescriptorsShort = 13,      // EMFILE/ENFILE
  kKernelTooOld = 14,          // memfd seals or another feature is missing
  kHandshakeTimeout = 15,      // the server did not answer in time (stopped or overloaded)
  kHandshakeFailed = 16,       // it answered nonsense, or went away in mid-handshake
  kCredentialsNotWrappable = 17,  // fallback credentials of a kind that cannot be wrapped
  kTlsNotReplaced = 18,           // fallback is secure, and replace_tls is not set on both sides
  kGrpcVersionMismatch = 19,      // gRPC at run time is not the version built against
  kPollingEngine =
      20,  // gRPC's polling engine is not ours (GRPC_POLL_STRATEGY, or started before us)
  kProtocolMismatch = 21,  // the entry speaks another protocol (gRPC against ZeroMQ)
  kForked = 22,            // this process is a fork of the one that set samehost up
  kServerShuttingDown = 23,
  kSystemError = 24,  // another system call failed; see the detail
};

// Stable identifier, e.g. "server_not_found".
std::string_view Name(FallbackReason reason);
// One sentence for a user of `protocol` ("grpc" or "zmq"): what happened and what to do.
std::string_view Explain(FallbackReason reason, std::string_view protocol);

// A reason with the particulars of this case ("connect /run/samehost/...: Connection refused").
struct Fallback {
  FallbackReason reason = FallbackReason::kNone;
  std::string detail;
};

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_FALLBACK_REASON_H_
