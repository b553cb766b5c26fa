#include "plugin/grpc/replaced_connector.h"

#include <utility>

#include "absl/status/status.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/promise/promise.h"
#include "src/core/lib/security/credentials/credentials.h"
#include "src/core/tsi/transport_security.h"

namespace samehost::grpc_transport {
namespace {

template <typename T>
grpc_core::RefCountedPtr<T> RefOrNull(T* object) {
  return object == nullptr ? nullptr : object->Ref();
}

class ReplacedConnector final : public grpc_channel_security_connector {
 public:
  ReplacedConnector(grpc_channel_security_connector* replaced, std::string target)
      : grpc_channel_security_connector(replaced->url_scheme(),
                                        RefOrNull(replaced->mutable_channel_creds()),
                                        RefOrNull(replaced->mutable_request_metadata_creds())),
        target_(std::move(target)) {}

  grpc_core::ArenaPromise<absl::Status> CheckCallHost(absl::string_view host,
                                                      grpc_auth_context* /*context*/) override {
    if (host == target_) return grpc_core::ImmediateOkStatus();
    return grpc_core::Immediate(absl::UnauthenticatedError(
        "samehost: with replace_tls the call's host must be the channel's target"));
  }

  // No handshake runs over a link; these only complete the interface, and they never approve.
  void add_handshakers(const grpc_core::ChannelArgs&, grpc_pollset_set*,
                       grpc_core::HandshakeManager*) override {}
  void check_peer(tsi_peer peer, grpc_endpoint*, const grpc_core::ChannelArgs&,
                  grpc_core::RefCountedPtr<grpc_auth_context>*,
                  grpc_closure* on_peer_checked) override {
    tsi_peer_destruct(&peer);
    grpc_core::ExecCtx::Run(DEBUG_LOCATION, on_peer_checked,
                            absl::UnauthenticatedError("samehost: not a socket"));
  }
  void cancel_check_peer(grpc_closure*, grpc_error_handle) override {}

  int cmp(const grpc_security_connector* other) const override {
    const auto* o = static_cast<const ReplacedConnector*>(other);
    const int base = channel_security_connector_cmp(o);
    return base != 0 ? base : target_.compare(o->target_);
  }

 private:
  const std::string target_;
};

}  // namespace

grpc_core::RefCountedPtr<grpc_channel_security_connector> MakeReplacedConnector(
    grpc_channel_security_connector* replaced, std::string target) {
  return grpc_core::MakeRefCounted<ReplacedConnector>(replaced, std::move(target));
}

}  // namespace samehost::grpc_transport
