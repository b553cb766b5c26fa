#include "plugin/grpc/polling.h"

#include <grpc/support/port_platform.h>
#include <pthread.h>

#include <atomic>
#include <limits>
#include <new>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/grpc/background.h"
#include "plugin/grpc/doorbell_set.h"
#include "plugin/grpc/runtime_check.h"
#include "plugin/grpc/watch.h"
#include "src/core/lib/iomgr/ev_epoll1_linux.h"
#include "src/core/lib/iomgr/ev_posix.h"
#include "src/core/lib/iomgr/exec_ctx.h"

namespace samehost::grpc_transport {
namespace {

// A thread that looks at the rings on behalf of one pollset. It is no worker of epoll1, so kicks
// that are meant for it must be caught here. Linked into PollsetExtra under the pollset's mutex.
struct Looker {
  DoorbellSet::Sleeper sleeper;  // `stop`: kicked
  Looker* next = nullptr;
};

// What we add behind epoll1's own pollset; guarded by the pollset's mutex.
struct PollsetExtra {
  gpr_mu* mu;
  Looker* lookers;                  // threads of this pollset that are inside Watch::Look()
  int sleepers;                     // threads inside epoll1's pollset_work for this pollset
  bool kicked;                      // kicked while nobody was here: epoll1 has it noted too
  grpc_closure* deferred_shutdown;  // shutdown came while threads were looking
};

thread_local bool t_woken_by_doorbell = false;

std::atomic<bool> g_installed{false};
grpc_event_engine_vtable g_vtable;

size_t ExtraOffset() {
  return (grpc_ev_epoll1_posix.pollset_size + alignof(PollsetExtra) - 1) &
         ~(alignof(PollsetExtra) - 1);
}

PollsetExtra* Extra(grpc_pollset* pollset) {
  return reinterpret_cast<PollsetExtra*>(reinterpret_cast<char*>(pollset) + ExtraOffset());
}

void PollsetInit(grpc_pollset* pollset, gpr_mu** mu) {
  grpc_ev_epoll1_posix.pollset_init(pollset, mu);
  new (Extra(pollset)) PollsetExtra{*mu, nullptr, 0, false, nullptr};
}

void PollsetShutdown(grpc_pollset* pollset, grpc_closure* closure) {
  PollsetExtra* extra = Extra(pollset);
  if (extra->lookers == nullptr) {
    grpc_ev_epoll1_posix.pollset_shutdown(pollset, closure);
    return;
  }
  // epoll1 sees no worker and would call the closure at once, with threads still inside: the last
  // looker does it.
  extra->deferred_shutdown = closure;
  for (Looker* l = extra->lookers; l != nullptr; l = l->next) {
    DoorbellSet::Get().Wake(&l->sleeper);
  }
}

void Unlink(PollsetExtra* extra, Looker* looker) {
  Looker** at = &extra->lookers;
  while (*at != looker) at = &(*at)->next;
  *at = looker->next;
}

uint64_t DeadlineNs(grpc_core::Timestamp deadline) {
  if (deadline == grpc_core::Timestamp::InfFuture()) return std::numeric_limits<uint64_t>::max();
  const int64_t left = (deadline - grpc_core::Timestamp::Now()).millis();
  return left <= 0 ? 0 : MonotonicNanos() + static_cast<uint64_t>(left) * 1'000'000;
}

grpc_error_handle Sleep(grpc_pollset* pollset, grpc_pollset_worker** worker,
                        grpc_core::Timestamp deadline) {
  PollsetExtra* extra = Extra(pollset);
  ++extra->sleepers;
  grpc_error_handle error = grpc_ev_epoll1_posix.pollset_work(pollset, worker, deadline);
  --extra->sleepers;
  return error;
}

// The look before the sleep, and the sleep if it can be had here. Called and left with the
// pollset's mutex held, released in between.
Watch::Outcome Look(grpc_pollset* pollset, grpc_pollset_worker** worker, uint64_t deadline_ns,
                    Looker* looker) {
  PollsetExtra* extra = Extra(pollset);
  looker->next = extra->lookers;
  extra->lookers = looker;
  // SUBTLE: epoll1 dereferences worker handles, but only in functions that are wrapped here.
  if (worker != nullptr) *worker = reinterpret_cast<grpc_pollset_worker*>(looker);
  gpr_mu_unlock(extra->mu);
  Watch& watch = Watch::Get();
  Watch::Outcome outcome = watch.Look(looker->sleeper.stop, deadline_ns);
  if (outcome == Watch::Outcome::kSleep) {
    outcome = DoorbellSet::Get().Listen(&looker->sleeper, deadline_ns);
    if (outcome != Watch::Outcome::kSleep) watch.EndSleep();
  }
  auto* exec_ctx = grpc_core::ExecCtx::Get();
  if (outcome == Watch::Outcome::kWorked) exec_ctx->Flush();
  exec_ctx->InvalidateNow();
  gpr_mu_lock(extra->mu);
  Unlink(extra, looker);
  if (worker != nullptr) *worker = nullptr;
  return outcome;
}

// Called with the pollset's mutex held, returns with it held (gRPC's contract for pollset_work).
grpc_error_handle PollsetWork(grpc_pollset* pollset, grpc_pollset_worker** worker,
                              grpc_core::Timestamp deadline) {
  constexpr auto kNoWait = [] { return grpc_core::Timestamp::ProcessEpoch(); };
  PollsetExtra* extra = Extra(pollset);
  if (extra->kicked) {
    extra->kicked = false;
    return Sleep(pollset, worker, kNoWait());
  }
  Looker looker;
  Watch& watch = Watch::Get();
  const Watch::Outcome outcome = Look(pollset, worker, DeadlineNs(deadline), &looker);
  const bool kicked = looker.sleeper.stop.load(std::memory_order_acquire);
  grpc_error_handle error;
  if (extra->deferred_shutdown != nullptr) {
    if (extra->lookers == nullptr) {
      grpc_ev_epoll1_posix.pollset_shutdown(pollset,
                                            std::exchange(extra->deferred_shutdown, nullptr));
    }
  } else if (outcome == Watch::Outcome::kSleep) {
    if (!kicked) error = Sleep(pollset, worker, deadline);
  } else if (!kicked && (outcome == Watch::Outcome::kStopped || watch.DescriptorsDue())) {
    error = Sleep(pollset, worker, kNoWait());
  }
  if (outcome == Watch::Outcome::kSleep) {
    DoorbellSet::Get().Left();
    watch.EndSleep();
  }
  return error;
}

grpc_error_handle PollsetKick(grpc_pollset* pollset, grpc_pollset_worker* specific) {
  PollsetExtra* extra = Extra(pollset);
  for (Looker* l = extra->lookers; l != nullptr; l = l->next) {
    if (specific == nullptr || specific == reinterpret_cast<grpc_pollset_worker*>(l)) {
      // It may be the calling thread itself, running closures: it returns to its caller anyway.
      DoorbellSet::Get().Wake(&l->sleeper);
      return absl::OkStatus();
    }
  }
  if (specific == nullptr && extra->sleepers == 0) extra->kicked = true;
  return grpc_ev_epoll1_posix.pollset_kick(pollset, specific);
}

bool CheckEngineAvailable(bool explicit_request) {
  if (!grpc_ev_epoll1_posix.check_engine_available(explicit_request)) return false;
  g_installed.store(true, std::memory_order_release);
  return true;
}

struct RegisterEngine {
  RegisterEngine() {
    // Another gRPC at run time may lay out this table differently: hands off.
    if (CheckGrpcVersion().reason != FallbackReason::kNone) return;
    g_vtable = grpc_ev_epoll1_posix;
    g_vtable.pollset_size = ExtraOffset() + sizeof(PollsetExtra);
    g_vtable.pollset_init = PollsetInit;
    g_vtable.pollset_shutdown = PollsetShutdown;
    g_vtable.pollset_work = PollsetWork;
    g_vtable.pollset_kick = PollsetKick;
    g_vtable.check_engine_available = CheckEngineAvailable;
    grpc_register_event_engine_factory(&g_vtable, /*add_at_head=*/true);
    pthread_atfork(nullptr, nullptr, [] {
      Watch::Get().ResetInChild();
      DoorbellSet::Get().ResetInChild();
      Background::Get().ResetInChild();
    });
  }
};
const RegisterEngine g_register_engine;

}  // namespace

void NoteWokenByDoorbell() { t_woken_by_doorbell = true; }

void YieldToPeer() {
  if (std::exchange(t_woken_by_doorbell, false)) Watch::Get().Yield();
}

bool PollingInstalled() { return g_installed.load(std::memory_order_acquire); }

void SetWaitStrategy(WaitStrategy strategy) {
  switch (strategy) {
    case WaitStrategy::kEfficient:
      return Watch::Get().SetBudget(0);
    case WaitStrategy::kBalanced:
      return Watch::Get().SetBudget(Watch::kBalancedLookNs);
    case WaitStrategy::kLatency:
      return Watch::Get().SetBudget(Watch::kLongLookNs);
  }
}

}  // namespace samehost::grpc_transport
