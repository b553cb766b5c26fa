// A queued real-time signal with its value, 8 bytes, that the receiver takes by sigwaitinfo.
#include <unistd.h>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/adapters/signals.h"

namespace samehost::bench::menu {
namespace {

class RealTimeSignalChannel final : public Channel {
 public:
  RealTimeSignalChannel(Peer& peer, pid_t other) : peer_(peer), other_(other) {
    peer_.Watch([] { ::sigqueue(::getpid(), SIGRTMIN, {}); });
  }
  ~RealTimeSignalChannel() override { peer_.StopWatch(); }

  void Send(std::span<const std::byte> message) override { QueueSignal(peer_, other_, message); }
  std::span<const std::byte> Receive() override {
    siginfo_t info;
    while (::sigwaitinfo(&signals_, &info) < 0) {
      if (errno != EINTR) FailErrno("sigwaitinfo");
    }
    peer_.Require();
    value_ = info.si_value;
    return std::as_bytes(std::span(&value_, 1));
  }

 private:
  Peer& peer_;
  const pid_t other_;
  const sigset_t signals_ = WakeUpSignals();
  sigval value_{};
};

}  // namespace

ChannelPtr OpenRealTimeSignal(const Place& place) {
  const pid_t other = place.peer.ExchangePids();
  return std::make_unique<RealTimeSignalChannel>(place.peer, other);
}

}  // namespace samehost::bench::menu
