// A TCP connection over 127.0.0.1 with TCP_NODELAY.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/adapters/loopback.h"
#include "plugin/bench/menu/stream_channel.h"

namespace samehost::bench::menu {

ChannelPtr OpenTcp(const Place& place) {
  UniqueFd socket = BoundLoopbackSocket(SOCK_STREAM);
  if (place.server()) {
    if (::listen(socket.get(), 1) != 0) FailErrno("listen");
    place.peer.SendText(std::to_string(PortOf(socket.get())));
    socket = UniqueFd(::accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!socket.valid()) FailErrno("accept");
  } else {
    ConnectToPort(socket.get(), std::stoi(place.peer.ReceiveText()));
  }
  const int on = 1;
  if (::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
    FailErrno("TCP_NODELAY");
  }
  return std::make_unique<StreamChannel>(std::move(socket));
}

}  // namespace samehost::bench::menu
