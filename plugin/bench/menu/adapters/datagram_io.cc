#include "plugin/bench/menu/adapters/datagram_io.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include "plugin/bench/menu/channel.h"

namespace samehost::bench::menu {
namespace {

bool SaysGone(int error) {
  return error == EPIPE || error == ECONNRESET || error == ECONNREFUSED || error == ENOTCONN;
}

}  // namespace

void SendDatagram(int socket, std::span<const std::byte> head, std::span<const std::byte> body) {
  iovec parts[] = {{const_cast<std::byte*>(head.data()), head.size()},
                   {const_cast<std::byte*>(body.data()), body.size()}};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  while (::sendmsg(socket, &message, MSG_NOSIGNAL) < 0) {
    if (SaysGone(errno)) throw PeerGone();
    if (errno != EINTR) FailErrno("sendmsg");
  }
}

size_t ReceiveDatagram(int socket, std::span<std::byte> room) {
  while (true) {
    const ssize_t got = ::recv(socket, room.data(), room.size(), 0);
    if (got >= 0) return static_cast<size_t>(got);
    if (SaysGone(errno)) throw PeerGone();
    if (errno != EINTR) FailErrno("recv");
  }
}

}  // namespace samehost::bench::menu
