// A pair of connected unix stream sockets with the kernel's default buffers.
#include <sys/socket.h>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/adapters/socket_pair.h"
#include "plugin/bench/menu/stream_channel.h"

namespace samehost::bench::menu {

ChannelPtr OpenUnixStream(const Place& place) {
  return std::make_unique<StreamChannel>(ConnectedUnixSocket(place, SOCK_STREAM));
}

}  // namespace samehost::bench::menu
