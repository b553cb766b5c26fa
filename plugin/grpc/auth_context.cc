#include "plugin/grpc/auth_context.h"

#include <grpc/grpc_security_constants.h>
#include <unistd.h>

#include "plugin/grpc/include/samehost/grpc.h"
#include "src/core/tsi/transport_security.h"
#include "src/core/tsi/transport_security_interface.h"

namespace samehost::grpc_transport {
namespace {

void Add(grpc_auth_context* context, const char* name, const std::string& value) {
  grpc_auth_context_add_property(context, name, value.data(), value.size());
}

// The names that gRPC's own connectors use; they are not exported as constants.
const char* SecurityType(const SecurityProfile& profile) {
  if (profile.secure()) return "samehost";
  return profile.local() ? "local" : "insecure";
}

const char* SecurityLevel(const SecurityProfile& profile) {
  return tsi_security_level_to_string(
      profile.level() == GRPC_SECURITY_NONE ? TSI_SECURITY_NONE : TSI_PRIVACY_AND_INTEGRITY);
}

}  // namespace

grpc_core::RefCountedPtr<grpc_auth_context> MakeAuthContext(const SecurityProfile& profile,
                                                            const rendezvous::PeerIdentity& peer) {
  auto context = grpc_core::MakeRefCounted<grpc_auth_context>(nullptr);
  Add(context.get(), GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME, SecurityType(profile));
  if (profile.local()) {
    grpc_auth_context_set_peer_identity_property_name(context.get(),
                                                      GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
  }
  Add(context.get(), GRPC_TRANSPORT_SECURITY_LEVEL_PROPERTY_NAME, SecurityLevel(profile));
  Add(context.get(), kTransportProperty, kTransportPropertyValue);
  Add(context.get(), kPeerUidProperty, std::to_string(peer.uid));
  Add(context.get(), kPeerGidProperty, std::to_string(peer.gid));
  Add(context.get(), kPeerPidProperty, std::to_string(peer.pid));
  return context;
}

std::string PeerString(const rendezvous::PeerIdentity& peer) {
  return "samehost:uid=" + std::to_string(peer.uid) + ",pid=" + std::to_string(peer.pid);
}

std::string SelfString() {
  rendezvous::PeerIdentity self;
  self.uid = geteuid();
  self.pid = getpid();
  return PeerString(self);
}

}  // namespace samehost::grpc_transport
