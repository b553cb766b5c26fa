#include "plugin/bench/menu/adapters/socket_pair.h"

#include <sys/socket.h>

namespace samehost::bench::menu {

UniqueFd ConnectedUnixSocket(const Place& place, int type) {
  if (!place.server()) return std::move(place.peer.ReceiveFds(1)[0]);
  int fds[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) != 0) FailErrno("socketpair");
  UniqueFd mine(fds[0]);
  const UniqueFd theirs(fds[1]);
  place.peer.SendFds({theirs.get()});
  return mine;
}

}  // namespace samehost::bench::menu
