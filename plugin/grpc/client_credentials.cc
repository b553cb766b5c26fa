#include "plugin/grpc/client_credentials.h"

#include <grpc/grpc_security.h>

#include <typeinfo>
#include <utility>

#include "plugin/grpc/channel_factory.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/security/credentials/insecure/insecure_credentials.h"
#include "src/cpp/client/secure_credentials.h"

namespace samehost::grpc_transport {
namespace {

using CoreCredentials = grpc_core::RefCountedPtr<grpc_channel_credentials>;

// The core credentials inside gRPC's own C++ classes. The insecure class has no name that could be
// asked for and none inside: it is recognised by being of the class that the factory makes.
CoreCredentials CoreOf(const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  if (auto* secure = dynamic_cast<grpc::SecureChannelCredentials*>(credentials.get())) {
    grpc_channel_credentials* core = secure->GetRawCreds();
    return core == nullptr ? nullptr : core->Ref();
  }
  const std::shared_ptr<grpc::ChannelCredentials> insecure = grpc::InsecureChannelCredentials();
  const grpc::ChannelCredentials* given = credentials.get();
  const grpc::ChannelCredentials* sample = insecure.get();
  if (given == nullptr || typeid(*given) == typeid(*sample)) {
    return CoreCredentials(grpc_insecure_credentials_create());
  }
  return nullptr;
}

}  // namespace

SamehostChannelCredentials::SamehostChannelCredentials(CoreCredentials fallback,
                                                       const Options& options)
    : fallback_(std::move(fallback)),
      settings_(grpc_core::MakeRefCounted<Settings>(
          options, ProfileOf(fallback_.get(), options.replace_tls))) {}

grpc_core::RefCountedPtr<grpc_channel_security_connector>
SamehostChannelCredentials::create_security_connector(
    grpc_core::RefCountedPtr<grpc_call_credentials> call_credentials, const char* target,
    grpc_core::ChannelArgs* args) {
  return fallback_->create_security_connector(std::move(call_credentials), target, args);
}

CoreCredentials SamehostChannelCredentials::duplicate_without_call_credentials() {
  CoreCredentials bare = fallback_->duplicate_without_call_credentials();
  if (bare == fallback_) return Ref();
  return grpc_core::MakeRefCounted<SamehostChannelCredentials>(std::move(bare), settings_->options);
}

grpc_core::ChannelArgs SamehostChannelCredentials::update_arguments(grpc_core::ChannelArgs args) {
  // SUBTLE: grpc_channel_create has put the stock factory in before it asks the credentials.
  return fallback_->update_arguments(std::move(args))
      .SetObject(ChannelFactory())
      .SetObject(settings_);
}

grpc_core::UniqueTypeName SamehostChannelCredentials::type() const {
  static grpc_core::UniqueTypeName::Factory factory("Samehost");
  return factory.Create();
}

int SamehostChannelCredentials::cmp_impl(const grpc_channel_credentials* other) const {
  const auto* o = static_cast<const SamehostChannelCredentials*>(other);
  const int options = Settings::ChannelArgsCompare(settings_.get(), o->settings_.get());
  return options != 0 ? options : fallback_->cmp(o->fallback_.get());
}

std::shared_ptr<grpc::ChannelCredentials> WrapChannelCredentials(
    const std::shared_ptr<grpc::ChannelCredentials>& fallback, const Options& options) {
  grpc_core::ExecCtx exec_ctx;
  CoreCredentials core = CoreOf(fallback);
  if (core == nullptr) return nullptr;
  // Wrapped twice: the outer options hold.
  if (auto* samehost = dynamic_cast<SamehostChannelCredentials*>(core.get())) {
    core = CoreCredentials(samehost->fallback());
  }
  return grpc::internal::WrapChannelCredentials(
      new SamehostChannelCredentials(std::move(core), options));
}

}  // namespace samehost::grpc_transport
