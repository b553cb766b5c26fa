// Between gRPC's addresses and the rendezvous's.
#ifndef SAMEHOST_PLUGIN_GRPC_SOCKET_ADDRESS_H_
#define SAMEHOST_PLUGIN_GRPC_SOCKET_ADDRESS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "plugin/rendezvous/rendezvous.h"
#include "src/core/lib/iomgr/resolved_address.h"

namespace samehost::grpc_transport {

// IPv4-mapped IPv6 becomes IPv4; a unix path loses its trailing zeros. Family AF_UNSPEC when `from`
// is none of IPv4, IPv6, unix.
rendezvous::Address ToRendezvous(const grpc_resolved_address& from);

// Every address that the stock server would listen on for `text` ("host:port", "unix:path", ...).
// Blocks for the resolver. Needs an ExecCtx.
absl::StatusOr<std::vector<grpc_resolved_address>> ResolveListening(const std::string& text);

// A text that the stock server resolves to exactly this TCP address ("[::1]:50051").
absl::StatusOr<std::string> ListeningText(const grpc_resolved_address& address);

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_SOCKET_ADDRESS_H_
