#include "plugin/grpc/channel_factory.h"

#include <grpc/support/log.h>

#include <optional>
#include <string>
#include <utility>

#include "plugin/grpc/channel_args_objects.h"
#include "plugin/grpc/connector.h"
#include "src/core/ext/filters/client_channel/subchannel.h"
#include "src/core/lib/gprpp/orphanable.h"
#include "src/core/lib/security/credentials/credentials.h"
#include "src/core/lib/security/security_connector/security_connector.h"

namespace samehost::grpc_transport {
namespace {

class Factory final : public grpc_core::ClientChannelFactory {
 public:
  grpc_core::RefCountedPtr<grpc_core::Subchannel> CreateSubchannel(
      const grpc_resolved_address& address, const grpc_core::ChannelArgs& args) override {
    std::optional<grpc_core::ChannelArgs> secured = WithSecurityConnector(args);
    if (!secured.has_value()) return nullptr;
    return grpc_core::Subchannel::Create(grpc_core::MakeOrphanable<Connector>(), address, *secured);
  }

 private:
  // Without this object in the arguments the stock connector would talk plain text, whatever the
  // credentials are.
  static std::optional<grpc_core::ChannelArgs> WithSecurityConnector(grpc_core::ChannelArgs args) {
    auto* credentials = args.GetObject<grpc_channel_credentials>();
    const absl::optional<std::string> authority = args.GetOwnedString(GRPC_ARG_DEFAULT_AUTHORITY);
    if (credentials == nullptr || !authority.has_value() ||
        args.Contains(GRPC_ARG_SECURITY_CONNECTOR)) {
      gpr_log(GPR_ERROR, "samehost: no credentials or no authority for a subchannel in %s",
              args.ToString().c_str());
      return std::nullopt;
    }
    auto connector =
        credentials->create_security_connector(/*call_creds=*/nullptr, authority->c_str(), &args);
    if (connector == nullptr) {
      gpr_log(GPR_ERROR, "samehost: no security connector for \"%s\"", authority->c_str());
      return std::nullopt;
    }
    return With(args, connector);
  }
};

}  // namespace

grpc_core::ClientChannelFactory* ChannelFactory() {
  static Factory* factory = new Factory();  // outlives every channel
  return factory;
}

}  // namespace samehost::grpc_transport
