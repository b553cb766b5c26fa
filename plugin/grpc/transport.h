// The gRPC transport over a shared-memory link: what connector and listener need of it.
#ifndef SAMEHOST_PLUGIN_GRPC_TRANSPORT_H_
#define SAMEHOST_PLUGIN_GRPC_TRANSPORT_H_

#include <grpc/support/port_platform.h>

#include <string>

#include "plugin/rendezvous/rendezvous.h"
#include "src/core/lib/channel/channel_args.h"
#include "src/core/lib/channel/channelz.h"
#include "src/core/lib/gprpp/ref_counted_ptr.h"
#include "src/core/lib/iomgr/closure.h"
#include "src/core/lib/transport/transport.h"

namespace samehost::grpc_transport {

struct TransportOptions {
  bool is_client = false;
  std::string peer_string;  // what context->peer() answers
  std::string address;      // connected to, or listened on; as rendezvous::ToString writes it
  std::string directory;    // Options::directory
  grpc_core::RefCountedPtr<grpc_core::channelz::SocketNode> socket_node;  // may be null
};

// Takes the link. `args`: the channel's (keepalive, limits, resource quota, ...). The result is
// ready for Server::SetupTransport or SubchannelConnector::Result and is destroyed by
// grpc_transport_destroy. Needs an ExecCtx.
::grpc_transport* CreateTransport(const grpc_core::ChannelArgs& args,
                                  rendezvous::Connected connected, TransportOptions options);

// Begins to read; must be called once, even if gRPC has destroyed the transport by then; after
// SetupTransport (server) or before handing out (client). `on_close` (may be null) is scheduled
// when the transport has closed. Needs an ExecCtx.
void StartTransport(::grpc_transport* transport, grpc_closure* on_close);

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_TRANSPORT_H_
