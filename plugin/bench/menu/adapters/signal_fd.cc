// A queued signal that the receiver reads from a signalfd; it carries 8 bytes.
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstring>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/adapters/signals.h"

namespace samehost::bench::menu {
namespace {

class SignalFdChannel final : public Channel {
 public:
  SignalFdChannel(Peer& peer, pid_t other) : peer_(peer), other_(other) {
    const sigset_t set = WakeUpSignals();
    in_ = UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC));
    if (!in_.valid()) FailErrno("signalfd");
    peer_.Watch([] { ::sigqueue(::getpid(), SIGRTMIN, {}); });
  }
  ~SignalFdChannel() override { peer_.StopWatch(); }

  void Send(std::span<const std::byte> message) override { QueueSignal(peer_, other_, message); }
  std::span<const std::byte> Receive() override {
    signalfd_siginfo info;
    while (::read(in_.get(), &info, sizeof(info)) != sizeof(info)) {
      if (errno != EINTR) FailErrno("read of a signalfd");
    }
    peer_.Require();
    value_ = info.ssi_ptr;
    return std::as_bytes(std::span(&value_, 1));
  }

 private:
  Peer& peer_;
  const pid_t other_;
  UniqueFd in_;
  uint64_t value_ = 0;
};

}  // namespace

ChannelPtr OpenSignalFd(const Place& place) {
  const pid_t other = place.peer.ExchangePids();
  return std::make_unique<SignalFdChannel>(place.peer, other);
}

}  // namespace samehost::bench::menu
