// Whether this process's gRPC is the one that this library was built for. The library reaches into
// gRPC's internal structures, so with any other gRPC it must keep its hands off and let everything
// run over the socket.
//
// Any thread, after grpc_init. Cheap: the version is compared once.
#ifndef SAMEHOST_PLUGIN_GRPC_RUNTIME_CHECK_H_
#define SAMEHOST_PLUGIN_GRPC_RUNTIME_CHECK_H_

#include <string>

#include "plugin/rendezvous/fallback_reason.h"

namespace samehost::grpc_transport {

// kNone when shared memory may be used at all in this process now; else kSwitchedOff
// (SAMEHOST=off), kGrpcVersionMismatch or kPollingEngine.
Fallback CheckRuntime();

// Of which only the version. What must hold before any internal structure is touched.
Fallback CheckGrpcVersion();

// The comparison itself. `core` is grpc_version_string(), `cpp` is grpc::Version().
Fallback CompareGrpcVersions(const std::string& core, const std::string& cpp);

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_RUNTIME_CHECK_H_
