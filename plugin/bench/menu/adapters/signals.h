// The signals by which bare wake-ups are measured. They must be blocked in every thread.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_SIGNALS_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_SIGNALS_H_

#include <signal.h>
#include <sys/types.h>

#include <cstddef>
#include <span>

#include "plugin/bench/menu/peer.h"

namespace samehost::bench::menu {

// SIGRTMIN, alone in a set.
sigset_t WakeUpSignals();
// For the calling thread and those that it makes later; before any other thread.
void BlockWakeUpSignals();
// Queues SIGRTMIN with an 8-byte value (a shorter message is filled up with zeros). Waits when too
// many are queued already.
void QueueSignal(const Peer& peer, pid_t to, std::span<const std::byte> message);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_SIGNALS_H_
