// The channelz nodes of a shared-memory connection and of its listener. Null when the channel
// arguments switch channelz off: gRPC's server then has no node to hang them on.
#ifndef SAMEHOST_PLUGIN_GRPC_CHANNEL_SOCKET_H_
#define SAMEHOST_PLUGIN_GRPC_CHANNEL_SOCKET_H_

#include <string>

#include "plugin/rendezvous/peer.h"
#include "src/core/lib/channel/channel_args.h"
#include "src/core/lib/channel/channelz.h"
#include "src/core/lib/gprpp/ref_counted_ptr.h"

namespace samehost::grpc_transport {

grpc_core::RefCountedPtr<grpc_core::channelz::SocketNode> MakeSocketNode(
    const grpc_core::ChannelArgs& args, const std::string& address,
    const rendezvous::PeerIdentity& peer);

grpc_core::RefCountedPtr<grpc_core::channelz::ListenSocketNode> MakeListenSocketNode(
    const grpc_core::ChannelArgs& args, const std::string& address);

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_CHANNEL_SOCKET_H_
