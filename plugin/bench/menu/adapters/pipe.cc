// Two anonymous pipes, one each way, of the size that the kernel gives them.
#include <fcntl.h>
#include <unistd.h>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/stream_channel.h"

namespace samehost::bench::menu {
namespace {

struct Pipe {
  UniqueFd out, in;
};

Pipe MakePipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) FailErrno("pipe");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

}  // namespace

ChannelPtr OpenPipe(const Place& place) {
  if (!place.server()) {
    std::vector<UniqueFd> fds = place.peer.ReceiveFds(2);
    return std::make_unique<StreamChannel>(std::move(fds[0]), std::move(fds[1]));
  }
  Pipe to_client = MakePipe(), to_server = MakePipe();
  place.peer.SendFds({to_client.out.get(), to_server.in.get()});
  return std::make_unique<StreamChannel>(std::move(to_server.out), std::move(to_client.in));
}

}  // namespace samehost::bench::menu
