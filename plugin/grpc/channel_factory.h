// The client channel factory that makes subchannels with our connector. One object for the process:
// the channel arguments hold it by a bare pointer.
#ifndef SAMEHOST_PLUGIN_GRPC_CHANNEL_FACTORY_H_
#define SAMEHOST_PLUGIN_GRPC_CHANNEL_FACTORY_H_

#include "src/core/ext/filters/client_channel/client_channel_factory.h"

namespace samehost::grpc_transport {

grpc_core::ClientChannelFactory* ChannelFactory();

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_CHANNEL_FACTORY_H_
