// Two named pipes, one each way.
#include <fcntl.h>
#include <sys/stat.h>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/stream_channel.h"

namespace samehost::bench::menu {
namespace {

void Make(const std::string& path) {
  if (::mkfifo(path.c_str(), 0600) != 0) FailErrno("mkfifo");
}

// Waits until the other end has it open, too.
UniqueFd Open(const std::string& path, int how) {
  UniqueFd fd(::open(path.c_str(), how | O_CLOEXEC));
  if (!fd.valid()) FailErrno("open a FIFO");
  return fd;
}

}  // namespace

ChannelPtr OpenFifo(const Place& place) {
  const std::string to_server = place.directory + "/to_server";
  const std::string to_client = place.directory + "/to_client";
  if (place.server()) {
    Make(to_server);
    Make(to_client);
  }
  place.peer.Meet();
  // In the same order on both sides, since each open waits for its counterpart.
  UniqueFd first = Open(to_server, place.server() ? O_RDONLY : O_WRONLY);
  UniqueFd second = Open(to_client, place.server() ? O_WRONLY : O_RDONLY);
  if (place.server()) return std::make_unique<StreamChannel>(std::move(first), std::move(second));
  return std::make_unique<StreamChannel>(std::move(second), std::move(first));
}

}  // namespace samehost::bench::menu
