#include "plugin/rendezvous/own_connections.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

namespace samehost::rendezvous {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

Status AwaitConnected(int socket, Clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  pollfd polled = {socket, POLLOUT, 0};
  const int ready = poll(&polled, 1, static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30)));
  if (ready == 0) return Error{ErrorCode::kTimeout, 0, "a TCP connection to prove the address"};
  int code = ready < 0 ? errno : 0;
  socklen_t bytes = sizeof(code);
  if (ready > 0) getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &bytes);
  if (code != 0) return SystemError("a TCP connection to prove the address", code);
  return {};
}

}  // namespace

Result<OwnConnections> OpenConnections(const IpEndpoint& target, size_t count,
                                       milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  socklen_t length = 0;
  const sockaddr_storage address = ToSockaddr(target, &length);
  OwnConnections opened;
  for (size_t i = 0; i < count; ++i) {
    UniqueFd fd(socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.valid()) return SystemError("socket");
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0 &&
        errno != EINPROGRESS) {
      return SystemError("a TCP connection to prove the address");
    }
    opened.sockets.push_back(std::move(fd));
  }
  for (const UniqueFd& fd : opened.sockets) {
    if (Status connected = AwaitConnected(fd.get(), deadline); !connected) return connected.error();
    sockaddr_storage local = {};
    socklen_t bytes = sizeof(local);
    if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&local), &bytes) != 0)
      return SystemError("getsockname");
    opened.local_ends.push_back(ToIpEndpoint(local));
  }
  return opened;
}

}  // namespace samehost::rendezvous
