#include "plugin/grpc/channel_socket.h"

#include <grpc/grpc.h>

#include "plugin/grpc/auth_context.h"

namespace samehost::grpc_transport {
namespace {

bool ChannelzEnabled(const grpc_core::ChannelArgs& args) {
  return args.GetBool(GRPC_ARG_ENABLE_CHANNELZ).value_or(GRPC_ENABLE_CHANNELZ_DEFAULT);
}

}  // namespace

grpc_core::RefCountedPtr<grpc_core::channelz::SocketNode> MakeSocketNode(
    const grpc_core::ChannelArgs& args, const std::string& address,
    const rendezvous::PeerIdentity& peer) {
  if (!ChannelzEnabled(args)) return nullptr;
  const std::string remote = PeerString(peer);
  return grpc_core::MakeRefCounted<grpc_core::channelz::SocketNode>(
      SelfString(), remote, "samehost " + address + " " + remote, /*security=*/nullptr);
}

grpc_core::RefCountedPtr<grpc_core::channelz::ListenSocketNode> MakeListenSocketNode(
    const grpc_core::ChannelArgs& args, const std::string& address) {
  if (!ChannelzEnabled(args)) return nullptr;
  return grpc_core::MakeRefCounted<grpc_core::channelz::ListenSocketNode>(
      "samehost:" + address, "samehost listener " + address);
}

}  // namespace samehost::grpc_transport
