#include "plugin/bench/menu/adapters/signals.h"

#include <sched.h>

#include <cstring>

#include "plugin/bench/menu/channel.h"

namespace samehost::bench::menu {

sigset_t WakeUpSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  return set;
}

void BlockWakeUpSignals() {
  const sigset_t set = WakeUpSignals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void QueueSignal(const Peer& peer, pid_t to, std::span<const std::byte> message) {
  peer.Require();  // signals to a process that nobody has reaped yet are no error
  sigval value{};
  std::memcpy(&value.sival_ptr, message.data(), message.size());
  while (::sigqueue(to, SIGRTMIN, value) != 0) {
    peer.Require();
    if (errno == ESRCH) throw PeerGone();
    if (errno != EAGAIN) FailErrno("sigqueue");
    ::sched_yield();  // the receiver takes them as fast as it can; nothing tells when one is gone
  }
}

}  // namespace samehost::bench::menu
