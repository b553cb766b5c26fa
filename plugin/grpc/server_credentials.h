// The server's credentials: a grpc::ServerCredentials around the fallback's. A port added with them
// is the stock port and, beside it, one Listener for each address that the port's text resolves to.
//
// Owner: the application and the ServerBuilder, by shared_ptr. Thread: as grpc::ServerCredentials.
// Failure: whatever keeps the rendezvous from being announced is recorded
// (rendezvous/decision_log.h) and leaves the stock port as it is; the answer of AddPortToServer is
// the stock port's.
#ifndef SAMEHOST_PLUGIN_GRPC_SERVER_CREDENTIALS_H_
#define SAMEHOST_PLUGIN_GRPC_SERVER_CREDENTIALS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "plugin/grpc/include/samehost/grpc.h"

namespace samehost::grpc_transport {

// Wraps gRPC's own credentials classes; null when `fallback` is of another class. Null means
// insecure.
std::shared_ptr<grpc::ServerCredentials> WrapServerCredentials(
    const std::shared_ptr<grpc::ServerCredentials>& fallback, const Options& options);

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_SERVER_CREDENTIALS_H_
