#include "plugin/grpc/doorbell_set.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <new>

#include "plugin/base/aside.h"
#include "plugin/base/clock.h"
#include "plugin/shm/link.h"
#include "src/core/lib/gprpp/fork.h"
#include "src/core/lib/iomgr/ev_posix.h"
#include "src/core/lib/iomgr/exec_ctx.h"

namespace samehost::grpc_transport {
namespace {

constexpr uint64_t kKickId = 0;
constexpr int kEventsAtOnce = 16;

UniqueFd NewEpoll() { return Aside(UniqueFd(epoll_create1(EPOLL_CLOEXEC))); }

bool Control(int set, int operation, int fd, uint32_t events, uint64_t id) {
  epoll_event event = {};
  event.events = events;
  event.data.u64 = id;
  return epoll_ctl(set, operation, fd, &event) == 0;
}

// Rounded up, as gRPC does; -1: for ever.
int MillisUntil(uint64_t deadline_ns) {
  if (deadline_ns == std::numeric_limits<uint64_t>::max()) return -1;
  const uint64_t now = MonotonicNanos();
  if (deadline_ns <= now) return 0;
  const uint64_t millis = (deadline_ns - now + 999'999) / 1'000'000;
  return static_cast<int>(std::min<uint64_t>(millis, std::numeric_limits<int>::max()));
}

}  // namespace

// What gRPC waits for. Lives until its closure has run for the last time.
struct DoorbellSet::Gate {
  grpc_fd* fd = nullptr;
  int number = -1;
  grpc_closure on_readable;
  bool dropped = false;  // guarded by mu_
};

DoorbellSet& DoorbellSet::Get() {
  static DoorbellSet* set = new DoorbellSet;
  return *set;
}

// ---- Which doorbells -------------------------------------------------------------------------

bool DoorbellSet::Add(Watched* w) {
  std::lock_guard<std::mutex> lock(mu_);
  if (descriptors_ == nullptr && !MakeLocked()) return false;
  const uint64_t id = ++last_id_;
  const int doorbell = w->watched_link()->doorbell_fd();
  if (!Control(descriptors_->set.get(), EPOLL_CTL_ADD, doorbell, EPOLLIN | EPOLLET, id)) {
    if (watched_.empty()) DropLocked();
    return false;
  }
  watched_.emplace(id, w);
  w->doorbell_id_ = id;
  return true;
}

void DoorbellSet::Remove(Watched* w) {
  std::lock_guard<std::mutex> lock(mu_);
  const auto found = watched_.find(w->doorbell_id_);
  if (found == watched_.end() || found->second != w) return;
  watched_.erase(found);
  epoll_ctl(descriptors_->set.get(), EPOLL_CTL_DEL, w->watched_link()->doorbell_fd(), nullptr);
  if (watched_.empty()) DropLocked();
}

bool DoorbellSet::MakeLocked() {
  auto made = std::make_shared<Descriptors>();
  made->set = NewEpoll();
  made->kick = Aside(UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)));
  UniqueFd gate = NewEpoll();
  if (!made->set.valid() || !made->kick.valid() || !gate.valid()) return false;
  const int set = made->set.get();
  if (!Control(set, EPOLL_CTL_ADD, made->kick.get(), EPOLLIN | EPOLLET, kKickId) ||
      !Control(gate.get(), EPOLL_CTL_ADD, set, EPOLLIN | EPOLLET, 0)) {
    return false;
  }
  gate_ = new Gate;
  gate_->number = gate.Release();
  gate_->fd = grpc_fd_create(gate_->number, "samehost doorbells", /*track_err=*/false);
  GRPC_CLOSURE_INIT(
      &gate_->on_readable,
      [](void* gate, grpc_error_handle error) {
        DoorbellSet::Get().OnGate(static_cast<Gate*>(gate), !error.ok());
      },
      gate_, grpc_schedule_on_exec_ctx);
  descriptors_ = std::move(made);
  grpc_fd_notify_on_read(gate_->fd, &gate_->on_readable);
  return true;
}

void DoorbellSet::DropLocked() {
  if (listener_) {
    relieved_.store(true, std::memory_order_seq_cst);
    KickLocked();
  }
  gate_->dropped = true;
  grpc_fd_orphan(gate_->fd, nullptr, nullptr, "no links are left");  // closes the descriptor
  gate_ = nullptr;
  descriptors_.reset();
}

void DoorbellSet::SetGateLocked(bool open) {
  if (gate_ == nullptr) return;
  Control(gate_->number, EPOLL_CTL_MOD, descriptors_->set.get(), open ? EPOLLIN | EPOLLET : 0, 0);
}

// ---- Who hears them --------------------------------------------------------------------------

Watch::Outcome DoorbellSet::Listen(Sleeper* sleeper, uint64_t deadline_ns) {
  for (;;) {
    const auto descriptors = BecomeListener(sleeper);
    if (descriptors == nullptr) return Watch::Outcome::kSleep;
    bool heard = false, stopped = false, usable = true;
    // SYNC(kick): we have said that we listen, then see whether we are to stop; who wants us to
    // says so, then sees whether we listen.
    while (usable && !heard && !relieved_.load(std::memory_order_seq_cst)) {
      const int timeout_ms = MillisUntil(deadline_ns);
      stopped = sleeper->stop.load(std::memory_order_seq_cst) || timeout_ms == 0;
      if (stopped) break;
      usable = Hear(*descriptors, timeout_ms, /*listener=*/true, &heard) >= 0;
    }
    EndListening(sleeper, usable);
    // SUBTLE: for what rang just before, the gate need not open: once an epoll set inside another
    // has been ready, to watch it again wakes nobody (Linux, ep_modify: it is in the ready list
    // still).
    if (usable) Hear(*descriptors, 0, /*listener=*/false, &heard);
    if (heard) return Watch::Outcome::kWorked;
    if (stopped) return Watch::Outcome::kStopped;
  }
}

std::shared_ptr<const DoorbellSet::Descriptors> DoorbellSet::BecomeListener(Sleeper* sleeper) {
  std::lock_guard<std::mutex> lock(mu_);
  if (descriptors_ == nullptr || pollers_ == 0 || listener_ || !usable_) {
    ++pollers_;
    return nullptr;
  }
  listener_ = true;
  relieved_.store(false, std::memory_order_relaxed);        // relaxed: written under the lock
  sleeper->listens.store(true, std::memory_order_seq_cst);  // SYNC(kick)
  SetGateLocked(false);
  return descriptors_;
}

void DoorbellSet::EndListening(Sleeper* sleeper, bool usable) {
  std::lock_guard<std::mutex> lock(mu_);
  usable_ = usable_ && usable;
  listener_ = false;
  sleeper->listens.store(false, std::memory_order_relaxed);  // relaxed: saves a kick at most
  SetGateLocked(true);
}

void DoorbellSet::Left() {
  std::lock_guard<std::mutex> lock(mu_);
  if (pollers_ > 0) --pollers_;  // a forked child knows of none
  if (pollers_ > 0 || !listener_) return;
  // Somebody must sleep on gRPC's descriptors: as gRPC's pollers hand over.
  relieved_.store(true, std::memory_order_seq_cst);
  KickLocked();
}

void DoorbellSet::Wake(Sleeper* sleeper) {
  sleeper->stop.store(true, std::memory_order_seq_cst);  // SYNC(kick)
  if (!sleeper->listens.load(std::memory_order_seq_cst)) return;
  std::lock_guard<std::mutex> lock(mu_);
  KickLocked();
}

void DoorbellSet::KickLocked() {
  // Without any it has been kicked already (DropLocked).
  if (descriptors_ == nullptr || !descriptors_->kick.Intact()) return;
  const uint64_t one = 1;
  // It cannot fill up within the life of a machine.
  (void)!write(descriptors_->kick.get(), &one, sizeof(one));
}

int DoorbellSet::Hear(const Descriptors& descriptors, int timeout_ms, bool listener, bool* heard) {
  epoll_event events[kEventsAtOnce];
  const int count = epoll_wait(descriptors.set.get(), events, kEventsAtOnce, timeout_ms);
  if (count < 0) return errno == EINTR ? 0 : -1;
  for (int i = 0; i < count; ++i) {
    const uint64_t id = events[i].data.u64;
    Watched* w = nullptr;
    {
      std::lock_guard<std::mutex> lock(mu_);
      const auto found = watched_.find(id);
      if (found != watched_.end()) {
        w = found->second;
        w->RefForWatch();
      } else if (id == kKickId && !listener && listener_) {
        KickLocked();  // it was meant for somebody else
      }
    }
    if (w == nullptr) continue;
    *heard = true;
    w->OnDoorbell();
    w->UnrefForWatch();
  }
  return count;
}

void DoorbellSet::OnGate(Gate* gate, bool ended) {
  std::shared_ptr<const Descriptors> descriptors;
  {
    std::lock_guard<std::mutex> lock(mu_);
    if (!ended && !gate->dropped) descriptors = descriptors_;
  }
  if (descriptors != nullptr) {
    bool heard = false;
    // What rings from now on opens the gate again.
    while (Hear(*descriptors, 0, /*listener=*/false, &heard) == kEventsAtOnce) {
    }
  }
  std::lock_guard<std::mutex> lock(mu_);
  if (gate->dropped) {
    delete gate;
  } else if (!ended) {
    grpc_fd_notify_on_read(gate->fd, &gate->on_readable);
  }
}

void DoorbellSet::ResetInChild() {
  // The mutex may have been held by a thread that does not exist here.
  new (&mu_) std::mutex;
  new (&watched_) std::unordered_map<uint64_t, Watched*>;
  // SUBTLE: with gRPC's support for fork() it is gRPC that closes the gate here.
  if (gate_ != nullptr && !grpc_core::Fork::Enabled()) close(gate_->number);
  gate_ = nullptr;
  descriptors_.reset();
  pollers_ = 0;
  listener_ = false;
  usable_ = true;
}

}  // namespace samehost::grpc_transport
