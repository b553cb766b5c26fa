#include "plugin/rendezvous/fallback_reason.h"

namespace samehost {
namespace {

struct Text {
  std::string_view name;
  std::string_view explanation;
  std::string_view for_zmq = "";  // "": the same as for gRPC
};

// One entry for each value; the switch has no default, so that the compiler finds a missing one.
Text TextOf(FallbackReason reason) {
  switch (reason) {
    case FallbackReason::kNone:
      return {"none", "Shared memory is used."};
    case FallbackReason::kSwitchedOff:
      return {
          "switched_off",
          "Shared memory is switched off for this address; unset SAMEHOST=off, SAMEHOST_EXCLUDE or "
          "the option, or run samehost on, if this was not meant.",
          "Shared memory is switched off for this connection, or its socket type or an option of "
          "it needs the socket (see the detail); unset SAMEHOST=off or SAMEHOST_EXCLUDE, run "
          "samehost on, or name the transport in SAMEHOST_ZMQ, if this was not meant."};
    case FallbackReason::kNotLocalAddress:
      return {"not_local_address",
              "The address belongs to another host or container; shared memory needs a server on "
              "this host, and between containers a rendezvous directory that both see."};
    case FallbackReason::kNoRendezvousDirectory:
      return {"no_rendezvous_directory",
              "There is no rendezvous directory; create /run/samehost (root, mode 1777) or set "
              "SAMEHOST_DIR to an existing directory on both sides."};
    case FallbackReason::kDirectoryRefused:
      return {"directory_refused",
              "The rendezvous directory is not safe (a stranger owns it, others may write to it, "
              "or it is "
              "a symbolic link); correct its owner and mode."};
    case FallbackReason::kServerNotFound:
      return {"server_not_found",
              "No server in the rendezvous directory offers this address; start the server with "
              "samehost credentials or under samehost run, and let both sides use the same "
              "SAMEHOST_DIR.",
              "The other end does not offer shared memory; give it samehost's libzmq (samehost "
              "run, or LD_LIBRARY_PATH), let SAMEHOST_ZMQ name the transport on both sides, and "
              "use the same SAMEHOST_DIR."};
    case FallbackReason::kStaleEntry:
      return {"stale_entry",
              "Only entries of servers that have died were found; start the server again."};
    case FallbackReason::kPeerRefusedUser:
      return {
          "peer_refused_user",
          "The server does not accept this user; add the user or a group to the server's allowed "
          "users or groups.",
          "The server does not accept this user; add the user to the server's SAMEHOST_ALLOW_USERS "
          "or a group of it to its SAMEHOST_ALLOW_GROUPS."};
    case FallbackReason::kWeRefusedUser:
      return {"we_refused_user",
              "The server runs as a user that this side does not accept; add it to the client's "
              "allowed "
              "users or groups.",
              "The server runs as a user that this side does not accept; add that user to the "
              "client's SAMEHOST_ALLOW_USERS or a group of it to its SAMEHOST_ALLOW_GROUPS."};
    case FallbackReason::kVersionMismatch:
      return {"version_mismatch",
              "The two sides speak different versions of samehost; update the older one."};
    case FallbackReason::kBadRingParameters:
      return {
          "bad_ring_parameters",
          "The other side does not accept the ring sizes or another option; use powers of two that "
          "are within the limits of both sides.",
          "The other side does not accept the ring sizes or another option; use the same version "
          "of samehost's libzmq on both sides."};
    case FallbackReason::kOtherNamespace:
      return {
          "other_namespace",
          "The server is in another network namespace and could not be proven to be the one behind "
          "this address; use an address of the server's own, or a unix socket in a shared volume."};
    case FallbackReason::kMemoryShort:
      return {"memory_short",
              "There is not enough memory, or not enough headroom in the memory cgroup; raise the "
              "limit."};
    case FallbackReason::kDescriptorsShort:
      return {"descriptors_short",
              "No file descriptors are left; raise the limit of open files (ulimit -n)."};
    case FallbackReason::kKernelTooOld:
      return {"kernel_too_old",
              "The kernel lacks a feature such as sealed memfds; use Linux 5.10 or newer."};
    case FallbackReason::kHandshakeTimeout:
      return {"handshake_timeout",
              "The server did not answer in time; it is stopped or overloaded."};
    case FallbackReason::kHandshakeFailed:
      return {"handshake_failed",
              "The other side went away in mid-handshake or answered nonsense; see the detail."};
    case FallbackReason::kCredentialsNotWrappable:
      return {"credentials_not_wrappable",
              "The fallback credentials are of a kind that cannot be wrapped; use insecure, local "
              "or SSL "
              "credentials."};
    case FallbackReason::kTlsNotReplaced:
      return {
          "tls_not_replaced",
          "The fallback credentials are secure; set replace_tls on both sides if the kernel's word "
          "on the peer may stand in for TLS."};
    case FallbackReason::kGrpcVersionMismatch:
      return {"grpc_version_mismatch",
              "gRPC at run time is not the version that samehost was built against; build it "
              "against the "
              "installed one."};
    case FallbackReason::kPollingEngine:
      return {"polling_engine",
              "gRPC uses another polling engine; unset GRPC_POLL_STRATEGY, and touch samehost "
              "before gRPC "
              "starts."};
    case FallbackReason::kProtocolMismatch:
      return {
          "protocol_mismatch",
          "The server at this address speaks another protocol, for instance ZeroMQ and not gRPC; "
          "check the address.",
          "The server at this address speaks another protocol, for instance gRPC and not ZeroMQ; "
          "check the address."};
    case FallbackReason::kForked:
      return {
          "forked",
          "This process is a fork of the one that set samehost up; make channels and servers after "
          "the fork.",
          "This process is a fork of the one that made the ZeroMQ context; make contexts and "
          "sockets after the fork."};
    case FallbackReason::kServerShuttingDown:
      return {"server_shutting_down",
              "The server is shutting down; a later attempt finds its successor."};
    case FallbackReason::kSystemError:
      return {"system_error", "A system call failed; see the detail."};
  }
  return {"unknown", "The other side gave a reason that this version does not know; update it."};
}

}  // namespace

std::string_view Name(FallbackReason reason) { return TextOf(reason).name; }
std::string_view Explain(FallbackReason reason, std::string_view protocol) {
  const Text text = TextOf(reason);
  return protocol == "zmq" && !text.for_zmq.empty() ? text.for_zmq : text.explanation;
}

}  // namespace samehost
