// The client's credentials: a core grpc_channel_credentials around the fallback's. It changes one
// thing, the factory that makes subchannels (channel_factory.h); everything else is the fallback's.
//
// Owner: whoever holds the C++ credentials or a channel made with them, by reference count.
// Any thread, with gRPC's usual ExecCtx where gRPC calls it.
#ifndef SAMEHOST_PLUGIN_GRPC_CLIENT_CREDENTIALS_H_
#define SAMEHOST_PLUGIN_GRPC_CLIENT_CREDENTIALS_H_

#include <grpcpp/security/credentials.h>

#include <memory>

#include "plugin/grpc/settings.h"
#include "src/core/lib/gprpp/ref_counted_ptr.h"
#include "src/core/lib/security/credentials/credentials.h"

namespace samehost::grpc_transport {

class SamehostChannelCredentials final : public grpc_channel_credentials {
 public:
  SamehostChannelCredentials(grpc_core::RefCountedPtr<grpc_channel_credentials> fallback,
                             const Options& options);

  grpc_core::RefCountedPtr<grpc_channel_security_connector> create_security_connector(
      grpc_core::RefCountedPtr<grpc_call_credentials> call_credentials, const char* target,
      grpc_core::ChannelArgs* args) override;
  grpc_core::RefCountedPtr<grpc_channel_credentials> duplicate_without_call_credentials() override;
  grpc_core::ChannelArgs update_arguments(grpc_core::ChannelArgs args) override;
  grpc_core::UniqueTypeName type() const override;

  const grpc_core::RefCountedPtr<grpc_channel_credentials>& fallback() const { return fallback_; }
  const Settings& settings() const { return *settings_; }

 private:
  int cmp_impl(const grpc_channel_credentials* other) const override;

  const grpc_core::RefCountedPtr<grpc_channel_credentials> fallback_;
  const grpc_core::RefCountedPtr<Settings> settings_;
};

// Wraps gRPC's own credentials classes; null when `fallback` is of another class. Null means
// insecure.
std::shared_ptr<grpc::ChannelCredentials> WrapChannelCredentials(
    const std::shared_ptr<grpc::ChannelCredentials>& fallback, const Options& options);

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_CLIENT_CREDENTIALS_H_
