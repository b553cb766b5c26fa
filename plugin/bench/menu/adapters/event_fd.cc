// Two eventfds as bare wake-ups: nothing is carried. With EFD_SEMAPHORE each write is one wake-up.
#include <sys/eventfd.h>
#include <unistd.h>

#include "plugin/bench/menu/adapters/adapters.h"

namespace samehost::bench::menu {
namespace {

class EventFdChannel final : public Channel {
 public:
  EventFdChannel(Peer& peer, UniqueFd in, UniqueFd out)
      : peer_(peer), in_(std::move(in)), out_(std::move(out)) {
    peer_.Watch([this] { Ring(in_); });
  }
  ~EventFdChannel() override { peer_.StopWatch(); }

  void Send(std::span<const std::byte>) override {
    peer_.Require();  // it never waits, so nothing else would tell
    Ring(out_);
  }
  std::span<const std::byte> Receive() override {
    uint64_t value;
    while (::read(in_.get(), &value, sizeof(value)) != sizeof(value)) {
      if (errno != EINTR) FailErrno("read of an eventfd");
    }
    peer_.Require();
    return {};
  }

 private:
  static void Ring(const UniqueFd& fd) {
    const uint64_t one = 1;
    if (::write(fd.get(), &one, sizeof(one)) != sizeof(one)) FailErrno("write to an eventfd");
  }

  Peer& peer_;
  UniqueFd in_, out_;
};

UniqueFd MakeEventFd() {
  UniqueFd fd(::eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC));
  if (!fd.valid()) FailErrno("eventfd");
  return fd;
}

}  // namespace

ChannelPtr OpenEventFd(const Place& place) {
  if (!place.server()) {
    std::vector<UniqueFd> fds = place.peer.ReceiveFds(2);
    return std::make_unique<EventFdChannel>(place.peer, std::move(fds[0]), std::move(fds[1]));
  }
  UniqueFd to_server = MakeEventFd(), to_client = MakeEventFd();
  place.peer.SendFds({to_client.get(), to_server.get()});
  return std::make_unique<EventFdChannel>(place.peer, std::move(to_server), std::move(to_client));
}

}  // namespace samehost::bench::menu
