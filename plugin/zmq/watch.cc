#include "plugin/zmq/watch.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "plugin/base/clock.h"
#include "plugin/base/look_budget.h"
#include "plugin/base/yielder.h"
#include "plugin/zmq/pipe.h"
#include "plugin/zmq/settings.h"

namespace samehost::zmq_transport {
namespace {

constexpr uint64_t kMicrosecond = 1000;
constexpr uint64_t kYieldAfterNanos = 3 * kMicrosecond;    // then others may have the core
constexpr uint64_t kMostGivenNanos = 1000 * kMicrosecond;  // to others: descriptors count, too
constexpr uint64_t kStreamNanos = 3 * kMicrosecond;        // a wait so short is one in a stream
constexpr uint64_t kGatherNanos = 1 * kMicrosecond;
constexpr uint64_t kDenseNanos = kMicrosecond / 2;  // a stream with a message in every such time
constexpr uint64_t kGatherDenseNanos = 4 * kMicrosecond;
constexpr uint64_t kWakeNanos = 40 * kMicrosecond;         // of a slept wait: our own wake-up
constexpr uint64_t kAnnouncedNanos = 1000 * kMicrosecond;  // for what a peer has announced
constexpr int kTrimMs = 500;                               // idle for so long: memory goes back
constexpr int kTrimAtLeastEveryMs = 8'000;                 // what is in use still
constexpr size_t kMaxHot = 16;
constexpr int kEventsAtOnce = 32;

void WaitNanos(uint64_t nanos) {
  const uint64_t start = MonotonicNanos();
  while (MonotonicNanos() - start < nanos) Pause();
}

// At most one thread of the process looks. relaxed: nothing else depends on it.
std::atomic<bool> looking{false};
LookBudget& Budget() {
  static LookBudget* budget = [] {
    auto* made = new LookBudget;
    made->SetMost(Settings::Get().max_look_nanos);
    return made;
  }();
  return *budget;
}
Yielder& Yields() {
  static auto* yielder = new Yielder;
  return *yielder;
}
// What came last came while somebody else had our processor: the peer shares it with us, and there
// is no use in keeping it from the peer.
std::atomic<bool> peer_shares_processor{false};

}  // namespace

Watch::~Watch() {
  if (set_ >= 0) close(set_);
}

bool Watch::MakeSet() {
  if (set_ >= 0) return true;
  if (!usable()) return false;
  set_ = epoll_create1(EPOLL_CLOEXEC);
  if (set_ < 0) return false;
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;  // the mailbox
  if (epoll_ctl(set_, EPOLL_CTL_ADD, signal_, &event) == 0) return true;
  close(set_);
  set_ = -1;
  return false;
}

int Watch::Descriptor() {
  if (MakeSet()) return set_;
  fixed_.store(true, std::memory_order_relaxed);
  return signal_;
}

bool Watch::Add(SharedPipe* pipe) {
  if (!MakeSet()) return false;
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLET;  // the counter is never read: every ring is an edge
  event.data.ptr = pipe;
  if (epoll_ctl(set_, EPOLL_CTL_ADD, pipe->doorbell_fd(), &event) != 0) return false;
  pipes_.push_back(pipe);
  return true;
}

void Watch::Remove(SharedPipe* pipe) {
  const auto found = std::find(pipes_.begin(), pipes_.end(), pipe);
  if (found == pipes_.end()) return;
  epoll_ctl(set_, EPOLL_CTL_DEL, pipe->doorbell_fd(), nullptr);
  pipes_.erase(found);
  std::erase(hot_, pipe);
}

void Watch::Forked(int signal) {
  if (set_ >= 0) close(set_);
  set_ = -1;
  signal_ = signal;
  pipes_.clear();
  hot_.clear();
}

bool Watch::Waits(SharedPipe* pipe) {
  if (hot_.empty() || hot_.back() != pipe) {
    std::erase(hot_, pipe);
    if (hot_.size() >= kMaxHot) {
      // From now on only its doorbell tells of it.
      if (!hot_.front()->Arm()) hot_.front()->RingSelf();
      hot_.erase(hot_.begin());
    }
    hot_.push_back(pipe);
  }
  unarmed_ = unarmed_ || in_call_;
  return in_call_;
}

// SUBTLE: the mailbox is always read until it is empty, and is signalled by the first command that
// comes then. relaxed: what is seen late is seen at the next call.
bool Watch::Quiet() const {
  return pipes_.size() == 1 && !pipes_.front()->Waits() &&
         !commands_.load(std::memory_order_relaxed);
}

bool Watch::AnythingCame() const {
  // relaxed: whoever stops because of it goes and reads the mailbox.
  return signalled_.load(std::memory_order_relaxed) ||
         std::any_of(hot_.begin(), hot_.end(), [](SharedPipe* pipe) { return pipe->WorkHere(); });
}

bool Watch::Visit() {
  bool any = false;
  // By index: what is visited may come to wait again.
  for (size_t i = hot_.size(); i-- > 0;) {
    if (i >= hot_.size() || !hot_[i]->HasWork()) continue;
    hot_[i]->OnWork();
    any = true;
  }
  return any;
}

void Watch::Disarm() {
  unarmed_ = true;
  for (SharedPipe* pipe : hot_) pipe->Disarm();
}

bool Watch::Arm() {
  bool armed = true;
  for (SharedPipe* pipe : hot_) armed = pipe->Arm() && armed;
  unarmed_ = false;
  return armed;
}

// SUBTLE: who has been told EAGAIN may go and poll the descriptor, so it must become readable by
// what has come meanwhile.
void Watch::ArmAfterCall(bool call_failed) {
  const int saved = errno;
  if (!Arm()) {
    if (call_failed) hot_.front()->RingSelf();
    Visit();
  }
  errno = saved;
}

bool Watch::InStream() {
  const bool reads = !std::exchange(sent_, false) && last_wait_nanos_ < kStreamNanos;
  return reads || std::none_of(hot_.begin(), hot_.end(), [](auto* pipe) { return pipe->Reads(); });
}

// SUBTLE: before the rings are so much as glanced at. A reader that has caught up with its writer
// goes on to find one message at a time, in the very cache line that is being written.
void Watch::GatherDense(int timeout_ms) {
  if (timeout_ms == 0 || Budget().most() == 0) return;
  const uint64_t came = std::exchange(received_, 0);
  if (came == 0 || sent_) return;
  const uint64_t now = MonotonicNanos();
  const bool dense = now - std::exchange(received_since_, now) < came * kDenseNanos;
  if (!dense) return;
  if (peer_shares_processor.load(std::memory_order_relaxed)) return;
  if (looking.exchange(true, std::memory_order_relaxed)) return;
  WaitNanos(kGatherDenseNanos);
  looking.store(false, std::memory_order_relaxed);
}

bool Watch::Look(int timeout_ms) {
  const bool yields = Yields().BeginLook();
  const uint64_t budget = Budget().Next(yields);
  if (budget == 0 || hot_.empty() || looking.exchange(true, std::memory_order_relaxed)) {
    return !Arm();
  }
  const uint64_t most = timeout_ms > 0 ? uint64_t(timeout_ms) * 1000 * kMicrosecond : UINT64_MAX;
  const uint64_t start = MonotonicNanos();
  Disarm();
  bool woken = false;
  for (SharedPipe* pipe : hot_) woken |= pipe->TakePeerWoken();
  uint64_t given = 0;  // nanoseconds that others had the processor
  // Who has been woken may need this very processor.
  if (woken && yields) given += Yields().Yield();
  bool others_ran = false;
  bool yield_now = peer_shares_processor.load(std::memory_order_relaxed);
  // SUBTLE: a reader that is as fast as the writer takes each cache line from it for every message,
  // and both are slower for it. So a stream is left to gather.
  const bool in_stream = InStream();
  bool came = false;
  for (uint32_t round = 0;; ++round) {
    if (in_stream && !yield_now) WaitNanos(kGatherNanos);
    came = AnythingCame();
    if (came) break;
    if (round % 16 == 15 || in_stream || yield_now) {
      const uint64_t waited = MonotonicNanos() - start;
      const uint64_t spent = waited - given;
      const bool hogged = !Yields().Allowed();
      const bool enough =
          spent >= budget || given >= kMostGivenNanos || waited >= most || (yields && hogged);
      const bool announced =
          enough && !hogged && waited < std::min(kAnnouncedNanos, most) &&
          std::any_of(hot_.begin(), hot_.end(), [](auto* pipe) { return pipe->WorkAnnounced(); });
      if (enough && !announced) break;
      if (yields && (spent > kYieldAfterNanos || yield_now)) {
        const uint64_t others = Yields().Yield();
        given += others;
        yield_now = others_ran = others > 0;
      }
    }
    Pause();
  }
  looking.store(false, std::memory_order_relaxed);
  const uint64_t waited = MonotonicNanos() - start;
  if (yields) Budget().NoteLook(waited - given, came);
  if (!came) return !Arm();
  last_wait_nanos_ = waited;
  Budget().NoteWait(last_wait_nanos_);
  if (others_ran != peer_shares_processor.load(std::memory_order_relaxed)) {
    peer_shares_processor.store(others_ran, std::memory_order_relaxed);
  }
  return true;
}

int Watch::WaitForSignal(int timeout_ms) {
  pollfd polled = {signal_, POLLIN, 0};
  const int ready = poll(&polled, 1, timeout_ms);
  if (ready > 0) return Signalled();
  if (ready == 0) errno = EAGAIN;
  return -1;
}

// The mailbox is read now.
int Watch::Signalled() {
  commands_.store(false, std::memory_order_relaxed);
  return 0;
}

// SUBTLE: by poll() and not by epoll_wait(), which would end with EINTR when the process is stopped
// and continued. False: errno says why.
bool Watch::SleepOnDescriptors(int timeout_ms) {
  pollfd polled = {set_, POLLIN, 0};
  int trim_ms = kTrimMs;
  int ready = 0;
  while ((timeout_ms < 0 || timeout_ms > trim_ms) && ready == 0) {
    ready = poll(&polled, 1, trim_ms);
    if (ready != 0) break;
    if (timeout_ms > 0) timeout_ms -= trim_ms;
    bool trimmed = true;
    for (SharedPipe* pipe : pipes_) trimmed = pipe->Trim() && trimmed;
    if (trimmed) break;
    trim_ms = std::min(2 * trim_ms, kTrimAtLeastEveryMs);
  }
  if (ready == 0) ready = poll(&polled, 1, timeout_ms);
  if (ready == 0) errno = EAGAIN;
  return ready > 0;
}

bool Watch::Sleep(int timeout_ms) {
  if (!Settings::Get().sleep_beside || pipes_.size() != 1) return SleepOnDescriptors(timeout_ms);
  const uint64_t start = MonotonicNanos();
  beside_.Begin();
  const bool woken = SleepOnDescriptors(timeout_ms);
  const int saved = errno;
  const uint64_t rung = pipes_.front()->RungAtNanos(), now = MonotonicNanos();
  beside_.End();
  // What the peer says is believed where it can be true; else it was not the doorbell.
  if (woken && rung > start && rung <= now) {
    beside_.NoteWake(now - rung, pipes_.front()->RungOnProcessor(), std::exchange(sent_, false));
  }
  errno = saved;
  return woken;
}

int Watch::Wait(int timeout_ms) {
  if (pipes_.empty()) return WaitForSignal(timeout_ms);
  GatherDense(timeout_ms);
  bool worked = Visit();
  if (!worked && timeout_ms != 0) {
    if (Look(timeout_ms)) worked = Visit();
    if (signalled_.exchange(false, std::memory_order_relaxed)) timeout_ms = 0;
  }
  if (worked) {
    errno = EAGAIN;
    return -1;
  }
  const uint64_t start = MonotonicNanos();
  if (timeout_ms != 0 && !Sleep(timeout_ms)) return -1;
  epoll_event events[kEventsAtOnce];
  const int ready = epoll_wait(set_, events, kEventsAtOnce, 0);
  if (ready < 0) return -1;
  bool signalled = false;
  for (int i = 0; i < ready; ++i) {
    auto* pipe = static_cast<SharedPipe*>(events[i].data.ptr);
    if (pipe == nullptr) {
      signalled = true;
    } else {
      pipe->OnDoorbell();
      worked = true;
    }
  }
  if (worked && timeout_ms != 0) {
    const uint64_t waited = MonotonicNanos() - start;
    Budget().NoteWait(waited > kWakeNanos ? waited - kWakeNanos : 0);
  }
  if (signalled) return Signalled();
  errno = EAGAIN;
  return -1;
}

}  // namespace samehost::zmq_transport
