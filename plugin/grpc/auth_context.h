// What a connection through shared memory says about its peer: the auth context that gRPC's filters
// and the application read, and the peer string of context->peer().
//
// Every value about the peer comes from the kernel (SO_PEERCRED at the rendezvous). Any thread.
#ifndef SAMEHOST_PLUGIN_GRPC_AUTH_CONTEXT_H_
#define SAMEHOST_PLUGIN_GRPC_AUTH_CONTEXT_H_

#include <grpc/grpc_security.h>

#include <string>

#include "plugin/grpc/security_profile.h"
#include "plugin/rendezvous/peer.h"
#include "src/core/lib/gprpp/ref_counted_ptr.h"
#include "src/core/lib/security/context/security_context.h"

namespace samehost::grpc_transport {

// Security type, level and identity property are those that the fallback's own handshake would have
// set (insecure, local), so that call credentials and authorization policies decide alike. Where
// TLS is replaced the type is "samehost" and the level that of TLS; no certificate property is set
// and the peer does not count as authenticated.
grpc_core::RefCountedPtr<grpc_auth_context> MakeAuthContext(const SecurityProfile& profile,
                                                            const rendezvous::PeerIdentity& peer);

// "samehost:uid=1000,pid=4242"; pid=0 when the peer is not visible in this PID namespace.
std::string PeerString(const rendezvous::PeerIdentity& peer);

// This process as its peers see it.
std::string SelfString();

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_AUTH_CONTEXT_H_
