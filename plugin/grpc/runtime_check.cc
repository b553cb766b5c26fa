#include "plugin/grpc/runtime_check.h"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/version_info.h>

#include <cstdlib>
#include <string_view>

#include "plugin/grpc/polling.h"

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
  const char* samehost = std::getenv("SAMEHOST");
  if (samehost != nullptr && std::string_view(samehost) == "off") {
    return Fallback{FallbackReason::kSwitchedOff, "SAMEHOST=off"};
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
