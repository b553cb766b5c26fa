#include "plugin/bench/menu/adapters/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "plugin/bench/bench_failure.h"

namespace samehost::bench::menu {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

}  // namespace

UniqueFd BoundLoopbackSocket(int type) {
  UniqueFd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  if (!socket.valid()) FailErrno("socket");
  const sockaddr_in address = Loopback(0);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    FailErrno("bind");
  }
  return socket;
}

int PortOf(int socket) {
  sockaddr_in address{};
  socklen_t length = sizeof(address);
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    FailErrno("getsockname");
  }
  return ntohs(address.sin_port);
}

void ConnectToPort(int socket, int port) {
  const sockaddr_in address = Loopback(port);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    FailErrno("connect");
  }
}

}  // namespace samehost::bench::menu
