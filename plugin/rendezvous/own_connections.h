// Connections of a client's own to the address it asks for. That the server finds them among its
// descriptors proves that the address leads to it, whatever lies between their network namespaces.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_OWN_CONNECTIONS_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_OWN_CONNECTIONS_H_

#include <chrono>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/base/unique_fd.h"
#include "plugin/rendezvous/endpoint_name.h"

namespace samehost::rendezvous {

// How many connections a client in another network namespace must show. One could be there by
// chance (equal addresses, equal ephemeral port); three with the same numbers are not.
inline constexpr size_t kProofConnections = 3;

struct OwnConnections {
  std::vector<UniqueFd> sockets;
  std::vector<IpEndpoint> local_ends;
};

// Opens `count` TCP connections within `timeout`. Errors: kSystem, kTimeout. Nothing is sent over
// them.
Result<OwnConnections> OpenConnections(const IpEndpoint& target, size_t count,
                                       std::chrono::milliseconds timeout);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_OWN_CONNECTIONS_H_
