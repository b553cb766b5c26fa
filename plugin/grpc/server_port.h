// Adds one listening port to a gRPC server: the stock port and the rendezvous beside it.
//
// The rendezvous of an address appears before its port answers, so that a client that finds the
// port finds the rendezvous as well; for port 0 it appears as soon as the port is known.
#ifndef SAMEHOST_PLUGIN_GRPC_SERVER_PORT_H_
#define SAMEHOST_PLUGIN_GRPC_SERVER_PORT_H_

#include <grpc/grpc.h>

#include <string>

#include "plugin/grpc/settings.h"
#include "src/core/lib/gprpp/ref_counted_ptr.h"

struct grpc_server_credentials;

namespace samehost::grpc_transport {

// What grpc_server_add_http2_port answers: the port, 0 on failure. Blocks for the resolver. Before
// the server is started; not thread-safe for one server, as in gRPC.
int AddPort(grpc_server* server, const std::string& text, grpc_server_credentials* credentials,
            grpc_core::RefCountedPtr<Settings> settings);

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_SERVER_PORT_H_
