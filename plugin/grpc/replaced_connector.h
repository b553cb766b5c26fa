// The security connector of a client connection where shared memory stands in for TLS
// (Options::replace_tls). The TLS connector decides about a call's host with the peer's
// certificate, and here there is none: calls may go to the channel's own target, and to no other
// host.
//
// Owner: the subchannel's channel stack, by reference count. Never asked to do a handshake.
#ifndef SAMEHOST_PLUGIN_GRPC_REPLACED_CONNECTOR_H_
#define SAMEHOST_PLUGIN_GRPC_REPLACED_CONNECTOR_H_

#include <string>

#include "src/core/lib/gprpp/ref_counted_ptr.h"
#include "src/core/lib/security/security_connector/security_connector.h"

namespace samehost::grpc_transport {

// `replaced` is the fallback's connector, `target` the authority that it was made for.
grpc_core::RefCountedPtr<grpc_channel_security_connector> MakeReplacedConnector(
    grpc_channel_security_connector* replaced, std::string target);

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_REPLACED_CONNECTOR_H_
