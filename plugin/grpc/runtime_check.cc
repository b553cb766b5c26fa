#include "plugin/grpc/runtime_check.h"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/version_info.h>

#include <utility>

#include "plugin/grpc/polling.h"
#include "plugin/rendezvous/switches.h"

namespace samehost::grpc_transport {
namespace {

// SAMEHOST_GRPC_CORE_VERSION comes from the source tree whose headers were used.
constexpr char kBuiltForCore[] = SAMEHOST_GRPC_CORE_VERSION;
constexpr char kBuiltForCpp[] = GRPC_CPP_VERSION_STRING;

}  // namespace

Fallback CompareGrpcVersions(const std::string& core, const std::string& cpp) {
  if (core == kBuiltForCore && cpp == kBuiltForCpp) return {};
  return Fallback{FallbackReason::kGrpcVersionMismatch,
                  "built for gRPC " + std::string(kBuiltForCpp) + " (core " + kBuiltForCore +
                      "), running with " + cpp + " (core " + core + ")"};
}

Fallback CheckGrpcVersion() {
  static const Fallback* fallback =
      new Fallback(CompareGrpcVersions(grpc_version_string(), grpc::Version()));
  return *fallback;
}

Fallback CheckRuntime() {
  if (auto setting = rendezvous::SwitchedOffAsAWhole()) {
    return Fallback{FallbackReason::kSwitchedOff, *std::move(setting)};
  }
  Fallback version = CheckGrpcVersion();
  if (version.reason != FallbackReason::kNone) return version;
  if (!PollingInstalled()) {
    return Fallback{FallbackReason::kPollingEngine,
                    "another polling engine is in use (GRPC_POLL_STRATEGY, or gRPC was started "
                    "before this library was loaded)"};
  }
  return {};
}

}  // namespace samehost::grpc_transport
