// Puts gRPC's own objects into channel arguments. Use these instead of ChannelArgs::SetObject.
//
// SUBTLE: SetObject<T> instantiates a function-local static table. libgrpc is C++14 and fills its
// copy of that table at run time; C++20 makes ours a constant, in read-only memory. The dynamic
// linker merges the two into ours, and libgrpc then writes to it: a crash in the first secure port
// of a process that merely loads this library. libgrpc's own functions below bring libgrpc's own
// tables. `check_symbols` (a test) finds every such object.
#ifndef SAMEHOST_PLUGIN_GRPC_CHANNEL_ARGS_OBJECTS_H_
#define SAMEHOST_PLUGIN_GRPC_CHANNEL_ARGS_OBJECTS_H_

#include "src/core/lib/channel/channel_args.h"
#include "src/core/lib/gprpp/ref_counted_ptr.h"
#include "src/core/lib/security/context/security_context.h"
#include "src/core/lib/security/credentials/credentials.h"
#include "src/core/lib/security/security_connector/security_connector.h"

namespace samehost::grpc_transport {

inline grpc_core::ChannelArgs With(const grpc_core::ChannelArgs& args,
                                   const grpc_core::RefCountedPtr<grpc_auth_context>& context) {
  return args.Set(grpc_auth_context_to_arg(context.get()));
}

template <typename Connector>  // grpc_channel_security_connector, grpc_server_security_connector
grpc_core::ChannelArgs With(const grpc_core::ChannelArgs& args,
                            const grpc_core::RefCountedPtr<Connector>& connector) {
  return args.Set(grpc_security_connector_to_arg(connector.get()));
}

inline grpc_core::ChannelArgs With(const grpc_core::ChannelArgs& args,
                                   grpc_server_credentials* credentials) {
  return args.Set(grpc_server_credentials_to_arg(credentials));
}

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_CHANNEL_ARGS_OBJECTS_H_
