#include "plugin/grpc/watch.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "plugin/base/clock.h"
#include "plugin/base/cpu_limits.h"
#include "src/core/lib/iomgr/exec_ctx.h"

namespace samehost::grpc_transport {
namespace {

constexpr uint64_t kMicrosecond = 1000;
constexpr uint64_t kYieldAfterNs =
    8 * kMicrosecond;  // then let other runnable threads have the core
constexpr uint64_t kLookWithoutYieldNs = 25 * kMicrosecond;
constexpr uint64_t kLateRingNs = 40 * kMicrosecond;  // wait this long before ringing a busy peer
constexpr uint64_t kDescriptorsEveryNs = 500 * kMicrosecond;
constexpr uint64_t kWakeCostNs = 40 * kMicrosecond;  // of a doorbell, when the peer does not say
constexpr uint64_t kLongestWakeNs = 5000 * kMicrosecond;  // what it says is believed up to this
constexpr uint64_t kMostGivenNs = 1000 * kMicrosecond;  // to others: descriptors must be heard, too
constexpr uint64_t kAnnouncedLookNs = 1000 * kMicrosecond;  // for what a peer has announced
constexpr uint64_t kWatchmanTickNs = 1000 * kMicrosecond;
constexpr uint64_t kForgetAfterNs = 20'000 * kMicrosecond;
constexpr size_t kMaxHot = 16;
constexpr int kFewSleepers = 8;  // more take long turns by themselves

// This thread counts as a sleeper; it may be running closures that its sleep has led to.
thread_local bool t_sleeper = false;

// When the peer rang, as far as it can be known: what it says itself is bounded.
uint64_t RungAt(const shm::Link& link, uint64_t now) {
  const uint64_t rung = link.RungAtNanos();
  return rung <= now && now - rung < kLongestWakeNs ? rung : now - kWakeCostNs;
}

}  // namespace

Watch& Watch::Get() {
  static Watch* watch = new Watch;
  return *watch;
}

Watch::Watch() : watchman_started_(new std::once_flag) { SetBudget(kBalancedLookNs); }

void Watch::SetBudget(uint64_t max_look_ns) {
  // With one CPU a thread that looks keeps the very peer it waits for from running.
  if (ReadCpuLimits().effective < 1.5) max_look_ns = 0;
  budget_.SetMost(max_look_ns);
}

Watch::Outcome Watch::Look(const std::atomic<bool>& stop, uint64_t deadline_ns) {
  absences_.Return();
  for (;;) {
    if (!looking_.exchange(true, std::memory_order_seq_cst)) {
      return LookAsLooker(stop, deadline_ns);
    }
    // SYNC(looker): we announce that we sleep, then see whether the looker is still there; it
    // announces that it leaves, then sees whether somebody sleeps (LeaveLooking). One of us sees
    // the other.
    sleepers_.fetch_add(1, std::memory_order_seq_cst);
    if (looking_.load(std::memory_order_seq_cst)) {
      t_sleeper = true;
      return Outcome::kSleep;
    }
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
  }
}

Watch::Outcome Watch::LookAsLooker(const std::atomic<bool>& stop, uint64_t deadline_ns) {
  const uint64_t start = MonotonicNanos();
  // Many threads of this process are no hog: it is they who take long.
  const int sleepers = sleepers_.load(std::memory_order_relaxed);
  const bool many = sleepers > kFewSleepers;
  const auto hogged = [&] { return !many && !yielder_.Allowed(); };
  const bool yields = yielder_.BeginLook() || many;
  // Whether to stay for as long as that costs little. Not where others of this process sleep: they
  // would wait for this thread's turn, and a doorbell wakes them sooner.
  const bool gives_way = yields && sleepers == 0;
  const uint64_t budget =
      std::min(budget_.Next(gives_way), yields ? UINT64_MAX : kLookWithoutYieldNs);
  uint64_t given = 0;  // nanoseconds that others had the processor
  bool late_rung = false;
  std::unique_lock<std::mutex> lock(hot_mu_);
  const auto yield = [&] {
    if (hogged()) return;
    lock.unlock();
    Absences::NoteYield();
    given += yielder_.Yield();
    lock.lock();
  };
  if (budget > 0) DisarmAllLocked();
  if (AnyPeerWokenLocked() && !AnyWorkLocked()) yield();
  for (uint32_t round = 0;; ++round) {
    if (Watched* w = FindWorkLocked()) {
      const uint64_t waited = MonotonicNanos() - start;
      budget_.NoteWait(waited);
      if (budget > 0 && gives_way) budget_.NoteLook(waited - given, true);
      w->RefForWatch();
      lock.unlock();
      return Work(w);
    }
    if (stop.load(std::memory_order_acquire)) break;
    if (changes_wanted_.load(std::memory_order_relaxed) > 0) yield();
    const bool crowded = gives_way && yielder_.crowded();
    if (hot_.empty() || round % 16 == 15 || budget == 0 || crowded) {
      const uint64_t now = MonotonicNanos();
      if (now >= deadline_ns) break;
      const uint64_t waited = now - start;
      const uint64_t spent = gives_way ? waited - given : waited;
      const bool enough = spent >= budget || given >= kMostGivenNs || (yields && hogged());
      if (enough && !hogged() && waited < kAnnouncedLookNs && WorkAnnouncedLocked()) {
        DisarmAllLocked();
      } else if (hot_.empty() || enough) {
        if (budget > 0 && gives_way && !hot_.empty()) budget_.NoteLook(spent, false);
        StopExpectingLocked();
        if (Watched* w = ArmAllLocked()) {
          budget_.NoteWait(waited);
          w->RefForWatch();
          lock.unlock();
          return Work(w);
        }
        armed_at_ns_.store(start, std::memory_order_relaxed);
        sleepers_.fetch_add(1, std::memory_order_seq_cst);
        looking_.store(false, std::memory_order_seq_cst);
        t_sleeper = true;
        return Outcome::kSleep;
      }
      if (!late_rung && spent > kLateRingNs) {
        late_rung = true;
        for (Watched* w : hot_) w->watched_link()->RingIfBusy();
      }
      if (crowded || spent > kYieldAfterNs) yield();
    }
    Pause();
  }
  lock.unlock();
  LeaveLooking();
  return Outcome::kStopped;
}

void Watch::Yield() {
  if (!yielder_.Allowed()) return;
  Absences::NoteYield();
  yielder_.Yield();
}

// The looker has found something to do on `w`, which it holds a reference to.
Watch::Outcome Watch::Work(Watched* w) {
  w->watched_link()->CountSpin(true);
  work_done_.fetch_add(1, std::memory_order_relaxed);
  w->Poll();
  w->UnrefForWatch();
  LeaveLooking();
  return Outcome::kWorked;
}

// A long absence matters only while other calls may want something.
bool Watch::AwayForLong() const {
  return absences_.OftenLong() && calls_.load(std::memory_order_relaxed) > 1;
}

void Watch::LeaveLooking() {
  absences_.Leave();
  const uint32_t additions = additions_.load(std::memory_order_seq_cst);  // SYNC(added)
  bool armed = false;
  if (sleepers_.load(std::memory_order_relaxed) > 0) {
    if (AwayForLong()) {
      ArmEachOrRing();
      armed = true;
    } else if (!budget_.Pays()) {
      // Where nothing is expected for long, doorbells cost less than the watchman.
      armed = ArmForSleepers();
    }
  }
  looking_.store(false, std::memory_order_seq_cst);  // SYNC(looker)
  // SYNC(added): what another thread has added since is not armed, and that thread may have left it
  // to us, because nobody slept yet.
  armed = armed && additions_.load(std::memory_order_seq_cst) == additions;
  // Whoever sleeps on the descriptors would not see a message on an unarmed ring, and we may be
  // away for long: the watchman looks after it.
  if (!armed && sleepers_.load(std::memory_order_seq_cst) > 0 && !WakeWatchman()) ArmEachOrRing();
}

// What comes from now on, and what is there already, wakes those who sleep.
void Watch::ArmEachOrRing() {
  std::lock_guard<std::mutex> lock(hot_mu_);
  ArmEachOrRingLocked();
}

void Watch::ArmEachOrRingLocked() {
  for (Watched* w : hot_) {
    if (!w->watched_link()->ArmDoorbell() || w->HasWork()) w->watched_link()->RingSelf();
    w->armed_ = true;
  }
}

bool Watch::ArmForSleepers() {
  std::lock_guard<std::mutex> lock(hot_mu_);
  return ArmAllLocked() == nullptr;
}

Watched* Watch::FindWorkLocked() {
  const size_t n = hot_.size();
  for (size_t i = 0; i < n; ++i) {
    if (next_ >= n) next_ = 0;
    Watched* w = hot_[next_++];
    if (!w->HasWork()) continue;
    w->last_work_ = MonotonicNanos();
    return w;
  }
  return nullptr;
}

bool Watch::AnyWorkLocked() {
  return std::any_of(hot_.begin(), hot_.end(), [](Watched* w) { return w->HasWork(); });
}

bool Watch::AnyPeerWokenLocked() {
  bool any = false;
  for (Watched* w : hot_) any |= w->watched_link()->TakePeerWoken();
  return any;
}

// Whether a peer is preparing a large message: looking on costs no more than its serialisation.
bool Watch::WorkAnnouncedLocked() {
  if (budget_.most() == 0) return false;
  return std::any_of(hot_.begin(), hot_.end(), [](Watched* w) {
    const uint32_t announced = w->watched_link()->AnnouncedInput();
    return announced != 0 && announced != w->disappointed_;
  });
}

void Watch::StopExpectingLocked() {
  for (Watched* w : hot_) w->disappointed_ = w->watched_link()->AnnouncedInput();
}

void Watch::DisarmAllLocked() {
  for (Watched* w : hot_) {
    if (!w->armed_) continue;
    w->armed_ = false;
    w->watched_link()->SetWatch(shm::Link::Watch::kBusy);
  }
}

// Null when all are armed; else one that has something to do after all.
Watched* Watch::ArmAllLocked() {
  const uint64_t now = MonotonicNanos();
  for (Watched* w : hot_) {
    // SUBTLE: a link that will not be armed must be read even where HasWork() sees nothing
    // (shm/link.h).
    if (!w->watched_link()->ArmDoorbell() || w->HasWork()) return w;
    w->armed_ = true;
    w->watched_link()->CountSleep();
  }
  // Those that have long been quiet stay armed and are no longer looked at.
  std::erase_if(hot_, [now](Watched* w) {
    const bool quiet = now - w->last_work_ > kForgetAfterNs;
    if (quiet) w->hot_ = false;
    return quiet;
  });
  return nullptr;
}

void Watch::AddLocked(Watched* w) {
  // A doorbell's closure may still be on its way when the transport is destroyed.
  if (w->removed_) return;
  w->last_work_ = MonotonicNanos();
  w->armed_ = false;
  if (w->hot_) return;
  if (hot_.size() >= kMaxHot) {
    auto oldest = std::min_element(hot_.begin(), hot_.end(), [](Watched* a, Watched* b) {
      return a->last_work_ < b->last_work_;
    });
    (*oldest)->hot_ = false;
    if (!(*oldest)->watched_link()->ArmDoorbell()) (*oldest)->watched_link()->RingSelf();
    hot_.erase(oldest);
  }
  w->hot_ = true;
  hot_.push_back(w);
}

void Watch::EndSleep() {
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
  t_sleeper = false;
}

void Watch::Add(Watched* w) {
  changes_wanted_.fetch_add(1, std::memory_order_relaxed);
  {
    std::lock_guard<std::mutex> lock(hot_mu_);
    AddLocked(w);
    additions_.fetch_add(1, std::memory_order_seq_cst);  // SYNC(added): then see whether they sleep
  }
  changes_wanted_.fetch_sub(1, std::memory_order_relaxed);
  // A sleeper that does this itself comes back to look.
  const int others = sleepers_.load(std::memory_order_seq_cst) - (t_sleeper ? 1 : 0);
  if (others > 0 && !WakeWatchman()) ArmEachOrRing();
}

bool Watch::AfterDoorbell(Watched* w) {
  const uint64_t now = MonotonicNanos();
  const uint64_t armed_at = armed_at_ns_.load(std::memory_order_relaxed);
  const uint64_t rung = RungAt(*w->watched_link(), now);
  budget_.NoteWait(rung > armed_at ? rung - armed_at : 0);
  work_done_.fetch_add(1, std::memory_order_relaxed);
  absences_.Leave();
  const bool announced = budget_.most() > 0 && w->watched_link()->AnnouncedInput() != 0;
  if (announced || (budget_.Next() > 0 && !AwayForLong())) {
    Add(w);
    return true;
  }
  armed_at_ns_.store(now, std::memory_order_relaxed);
  return w->watched_link()->ArmDoorbell() && !w->HasWork();
}

void Watch::Remove(Watched* w) {
  changes_wanted_.fetch_add(1, std::memory_order_relaxed);
  {
    std::lock_guard<std::mutex> lock(hot_mu_);
    std::erase(hot_, w);
    w->hot_ = false;
    w->removed_ = true;
  }
  changes_wanted_.fetch_sub(1, std::memory_order_relaxed);
}

bool Watch::DescriptorsDue() {
  if (sleepers_.load(std::memory_order_relaxed) > 0) return false;
  const uint64_t now = MonotonicNanos();
  if (now - descriptors_at_ns_.load(std::memory_order_relaxed) < kDescriptorsEveryNs) return false;
  descriptors_at_ns_.store(now, std::memory_order_relaxed);
  return true;
}

// ---- The watchman ----------------------------------------------------------------------------

bool Watch::WakeWatchman() {
  if (watchman_awake_.load(std::memory_order_seq_cst) != 0) return true;
  try {
    std::call_once(*watchman_started_,
                   [this] { std::thread([this] { WatchmanLoop(); }).detach(); });
  } catch (const std::system_error&) {
    return false;  // no thread to be had now
  }
  if (watchman_awake_.exchange(1, std::memory_order_seq_cst) == 0) {
    syscall(SYS_futex, &watchman_awake_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  return true;
}

void Watch::WatchmanLoop() {
  for (;;) {
    while (watchman_awake_.load(std::memory_order_seq_cst) == 0) {
      syscall(SYS_futex, &watchman_awake_, FUTEX_WAIT_PRIVATE, 0, nullptr, nullptr, 0);
    }
    uint64_t seen = work_done_.load(std::memory_order_relaxed);
    for (;;) {
      const timespec tick = {0, static_cast<long>(kWatchmanTickNs)};
      nanosleep(&tick, nullptr);
      const uint64_t done = work_done_.load(std::memory_order_relaxed);
      const bool moving = done != seen;
      seen = done;
      if (moving || looking_.load(std::memory_order_seq_cst)) continue;
      // Cleared before the rings are armed: whoever makes a ring hot after this wakes us again.
      watchman_awake_.store(0, std::memory_order_seq_cst);
      if (WatchmanTick()) break;
      watchman_awake_.store(1, std::memory_order_seq_cst);
    }
  }
}

// Nobody has looked for a whole tick: hands the hot rings over to their doorbells.
bool Watch::WatchmanTick() {
  std::unique_lock<std::mutex> lock(hot_mu_, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  ArmEachOrRingLocked();
  for (Watched* w : hot_) w->hot_ = false;
  hot_.clear();
  armed_at_ns_.store(MonotonicNanos(), std::memory_order_relaxed);
  return true;
}

void Watch::ResetInChild() {
  // The mutex may have been held by a thread that does not exist here.
  new (&hot_mu_) std::mutex;
  new (&hot_) std::vector<Watched*>;
  watchman_started_ = new std::once_flag;
  looking_.store(false, std::memory_order_relaxed);
  sleepers_.store(0, std::memory_order_relaxed);
  changes_wanted_.store(0, std::memory_order_relaxed);
  watchman_awake_.store(0, std::memory_order_relaxed);
}

}  // namespace samehost::grpc_transport
