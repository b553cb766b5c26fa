#include "plugin/grpc/server_credentials.h"

#include <grpc/grpc_security.h>

#include <string>
#include <typeinfo>
#include <utility>

#include "plugin/grpc/server_port.h"
#include "plugin/grpc/settings.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/security/credentials/credentials.h"
#include "src/cpp/server/secure_server_credentials.h"

namespace samehost::grpc_transport {
namespace {

using CoreCredentials = grpc_core::RefCountedPtr<grpc_server_credentials>;

bool IsStockInsecure(const std::shared_ptr<grpc::ServerCredentials>& credentials) {
  // The class has no name that could be asked for: it is the one that the factory makes.
  const std::shared_ptr<grpc::ServerCredentials> insecure = grpc::InsecureServerCredentials();
  const grpc::ServerCredentials* given = credentials.get();
  const grpc::ServerCredentials* sample = insecure.get();
  return given == nullptr || typeid(*given) == typeid(*sample);
}

class SamehostServerCredentials final : public grpc::ServerCredentials {
 public:
  // `secure` is `fallback` when that is one of gRPC's secure credentials, else null (insecure).
  SamehostServerCredentials(std::shared_ptr<grpc::ServerCredentials> fallback,
                            grpc::SecureServerCredentials* secure, const Options& options)
      : fallback_(std::move(fallback)), secure_(secure) {
    grpc_core::ExecCtx exec_ctx;
    const CoreCredentials core = Core();
    settings_ =
        grpc_core::MakeRefCounted<Settings>(options, ProfileOf(core.get(), options.replace_tls));
  }

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>& processor) override {
    fallback_->SetAuthMetadataProcessor(processor);
  }

  const std::shared_ptr<grpc::ServerCredentials>& fallback() const { return fallback_; }

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    grpc_core::ExecCtx exec_ctx;
    const CoreCredentials core = Core();
    return AddPort(server, address, core.get(), settings_);
  }

  // For gRPC's own wrappers (XdsServerCredentials), which look inside.
  bool IsInsecure() const override { return secure_ == nullptr; }
  grpc::SecureServerCredentials* AsSecureServerCredentials() override { return secure_; }

  // Insecure core credentials are made anew for every port, as the stock class does.
  CoreCredentials Core() const {
    return secure_ != nullptr ? secure_->c_creds()->Ref()
                              : CoreCredentials(grpc_insecure_server_credentials_create());
  }

  const std::shared_ptr<grpc::ServerCredentials> fallback_;
  grpc::SecureServerCredentials* const secure_;
  grpc_core::RefCountedPtr<Settings> settings_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> WrapServerCredentials(
    const std::shared_ptr<grpc::ServerCredentials>& fallback, const Options& options) {
  if (auto* twice = dynamic_cast<SamehostServerCredentials*>(fallback.get())) {
    return WrapServerCredentials(twice->fallback(), options);  // the outer options hold
  }
  if (auto* secure = dynamic_cast<grpc::SecureServerCredentials*>(fallback.get())) {
    if (secure->c_creds() == nullptr) return nullptr;
    return std::make_shared<SamehostServerCredentials>(fallback, secure, options);
  }
  if (!IsStockInsecure(fallback)) return nullptr;
  return std::make_shared<SamehostServerCredentials>(
      fallback != nullptr ? fallback : grpc::InsecureServerCredentials(), nullptr, options);
}

}  // namespace samehost::grpc_transport
