#include "plugin/grpc/upgrade.h"

#include <string>
#include <utility>

#include "plugin/base/log.h"
#include "plugin/base/setting.h"
#include "plugin/grpc/client_credentials.h"
#include "plugin/grpc/polling.h"
#include "plugin/grpc/runtime_check.h"
#include "plugin/grpc/security_profile.h"
#include "plugin/grpc/server_port.h"
#include "plugin/grpc/settings.h"
#include "plugin/rendezvous/access_variables.h"
#include "plugin/rendezvous/decision_log.h"
#include "src/core/lib/iomgr/exec_ctx.h"

namespace samehost::grpc_transport {
namespace {

WaitStrategy WaitFromSettings() {
  const std::string wait = SettingOr("SAMEHOST_WAIT");
  if (wait == "efficient") return WaitStrategy::kEfficient;
  if (wait == "latency") return WaitStrategy::kLatency;
  if (!wait.empty() && wait != "balanced") {
    Log(LogLevel::kWarning, "SAMEHOST_WAIT is neither efficient, balanced nor latency");
  }
  return WaitStrategy::kBalanced;
}

// Of the process: read once, so that a later change of the environment does not make credentials
// unequal that gRPC compares.
const Options& TheOptions() {
  static const Options* options = [] {
    auto* out = new Options();
    rendezvous::AccessPolicy access = rendezvous::AccessFromEnvironment();
    out->allowed_users = std::move(access.users);
    out->allowed_groups = std::move(access.groups);
    out->replace_tls = SettingOr("SAMEHOST_REPLACE_TLS") == "1";
    out->wait = WaitFromSettings();
    SetWaitStrategy(out->wait);
    return out;
  }();
  return *options;
}

// Why credentials of this kind are not touched; kNone when they are.
Fallback Untouched(const SecurityProfile& profile) {
  if (profile.kind == SecurityKind::kOther) {
    return Fallback{FallbackReason::kTlsNotReplaced,
                    "credentials \"" + profile.type_name + "\" are left as they are"};
  }
  if (profile.secure() && !profile.replace_tls) {
    return Fallback{FallbackReason::kTlsNotReplaced,
                    "credentials \"" + profile.type_name +
                        "\" protect the connection; see samehost run --replace-tls"};
  }
  return {};
}

// "127.0.0.1:0" once the port is known.
std::string WithPort(std::string address, int port) {
  const bool open = address.size() >= 2 && address.compare(address.size() - 2, 2, ":0") == 0;
  if (open && port > 0) address.replace(address.size() - 1, 1, std::to_string(port));
  return address;
}

bool IsSamehost(const grpc_channel_credentials* credentials) {
  return dynamic_cast<const SamehostChannelCredentials*>(credentials) != nullptr;
}

// `samehost run` leaves protecting credentials alone unless it is told --replace-tls.
void RecordUntouched(const std::string& address, const Fallback& untouched,
                     rendezvous::DecisionLog::Side side) {
  rendezvous::DecisionLog::Get().Record(address, untouched, side);
  rendezvous::DecisionLog::Get().LogExpected(address, untouched);
}

// Whether shared memory is out of the question for all of this process; says so.
bool RecordRuntime(const char* address, rendezvous::DecisionLog::Side side) {
  const Fallback runtime = CheckRuntime();
  if (runtime.reason == FallbackReason::kNone) return false;
  rendezvous::DecisionLog::Get().RecordFallback(address, runtime, side);
  return true;
}

}  // namespace
}  // namespace samehost::grpc_transport

namespace st = samehost::grpc_transport;

grpc_channel_credentials* samehost_grpc_upgrade_channel(grpc_channel_credentials* credentials,
                                                        const char* target) {
  if (credentials == nullptr || target == nullptr ||
      st::RecordRuntime(target, samehost::rendezvous::DecisionLog::Side::kConnecting))
    return nullptr;
  grpc_core::ExecCtx exec_ctx;
  if (st::IsSamehost(credentials)) return nullptr;
  const samehost::Options& options = st::TheOptions();
  const samehost::Fallback untouched =
      st::Untouched(st::ProfileOf(credentials, options.replace_tls));
  if (untouched.reason != samehost::FallbackReason::kNone) {
    st::RecordUntouched(target, untouched, samehost::rendezvous::DecisionLog::Side::kConnecting);
    return nullptr;
  }
  return new st::SamehostChannelCredentials(credentials->Ref(), options);
}

void samehost_grpc_release_channel(grpc_channel_credentials* upgraded) {
  grpc_channel_credentials_release(upgraded);
}

int samehost_grpc_upgrade_port(grpc_server* server, const char* address,
                               grpc_server_credentials* credentials, int* port) {
  if (server == nullptr || address == nullptr || credentials == nullptr) return 0;
  if (st::RecordRuntime(address, samehost::rendezvous::DecisionLog::Side::kListening)) return 0;
  grpc_core::ExecCtx exec_ctx;
  const samehost::Options& options = st::TheOptions();
  st::SecurityProfile profile = st::ProfileOf(credentials, options.replace_tls);
  const samehost::Fallback untouched = st::Untouched(profile);
  if (untouched.reason != samehost::FallbackReason::kNone) {
    *port = grpc_server_add_http2_port(server, address, credentials);
    st::RecordUntouched(st::WithPort(address, *port), untouched,
                        samehost::rendezvous::DecisionLog::Side::kListening);
    return 1;
  }
  *port = st::AddPort(server, address, credentials,
                      grpc_core::MakeRefCounted<st::Settings>(options, profile));
  return 1;
}
