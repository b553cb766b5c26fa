// Watch: who looks at the rings of this process, for how long, and who is woken when nobody does.
//
// A thread that is about to wait (in gRPC's pollset_work) first looks at the hot rings itself for
// a short, adaptive time; at most one thread of the process does so at any moment. It finds its
// message without a wake-up and without a hand-over. When it gives up it arms the doorbells and
// sleeps. While it has gone to run a handler the hot rings stay unarmed: no doorbell, no second
// thread woken at every call; a watchman thread arms them after a millisecond or two if nobody
// came back (docs/design/waiting.md).
//
// Owner: process-wide singleton, never destroyed. Any thread.
#ifndef SAMEHOST_PLUGIN_GRPC_WATCH_H_
#define SAMEHOST_PLUGIN_GRPC_WATCH_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "plugin/base/look_budget.h"
#include "plugin/base/yielder.h"
#include "plugin/grpc/absences.h"
#include "plugin/shm/link.h"

namespace samehost::grpc_transport {

// One link as the watch sees it. Implemented by the transport.
class Watched {
 public:
  // Whether Poll() would do something: input, or awaited room. Cheap, any thread.
  virtual bool HasWork() = 0;
  // Reads what is there. Any thread that has an ExecCtx; the caller holds a reference.
  virtual void Poll() = 0;
  virtual shm::Link* watched_link() = 0;
  // The link's doorbell has rung (doorbell_set.h). As Poll().
  virtual void OnDoorbell() = 0;
  virtual void RefForWatch() = 0;
  virtual void UnrefForWatch() = 0;

 protected:
  ~Watched() = default;

 private:
  friend class DoorbellSet;
  friend class Watch;
  bool hot_ = false;        // guarded by Watch::hot_mu_
  bool armed_ = false;      // guarded by Watch::hot_mu_; only a hint
  bool removed_ = false;    // guarded by Watch::hot_mu_; for good
  uint64_t last_work_ = 0;  // monotonic ns; guarded by Watch::hot_mu_
  uint32_t disappointed_ =
      0;  // AnnouncedInput() that did not come in time; guarded by Watch::hot_mu_
  uint64_t doorbell_id_ = 0;  // guarded by DoorbellSet::mu_
};

class Watch {
 public:
  static constexpr uint64_t kBalancedLookNs = 100'000;
  static constexpr uint64_t kLongLookNs = 2'000'000;

  static Watch& Get();

  // How long, in ns, a waiting thread may look before it sleeps; 0: never.
  void SetBudget(uint64_t max_look_ns);

  enum class Outcome {
    kWorked,   // work was found and done: go and see whether it was for you
    kStopped,  // `stop` was set or the deadline came
    kSleep,    // sleep on the descriptors now, then call EndSleep()
  };
  // Looks at the hot rings. The caller holds no locks and has an ExecCtx. `deadline_ns`: monotonic.
  // On kSleep the doorbells are armed or somebody else looks after them, and the caller counts as a
  // sleeper.
  Outcome Look(const std::atomic<bool>& stop, uint64_t deadline_ns);
  // Lets others have the processor once, where that does not take long.
  void Yield();
  // After the sleep that Look() asked for.
  void EndSleep();
  // True (about twice a millisecond) when no thread sleeps on the descriptors, so that one that
  // always finds ring work must look at them once in passing.
  bool DescriptorsDue();

  // `w` is new, or awaits room: look at it.
  void Add(Watched* w);
  // After a doorbell led to Poll(): makes `w` hot where looking pays, else arms its doorbell
  // again. False when input came in the meantime: poll again.
  [[nodiscard]] bool AfterDoorbell(Watched* w);
  // So many more calls are under way in this process.
  void NoteCalls(int more) { calls_.fetch_add(more, std::memory_order_relaxed); }
  // `w` ends; nothing is called on it after this returns, and Add() ignores it from now on.
  void Remove(Watched* w);

  // In the child after fork: forgets everything without touching shared memory.
  void ResetInChild();

 private:
  Watch();
  Outcome LookAsLooker(const std::atomic<bool>& stop, uint64_t deadline_ns);
  void LeaveLooking();
  bool AwayForLong() const;
  bool ArmForSleepers();
  void ArmEachOrRing();
  void ArmEachOrRingLocked();
  Watched* FindWorkLocked();
  bool AnyWorkLocked();
  bool AnyPeerWokenLocked();
  bool WorkAnnouncedLocked();
  void StopExpectingLocked();
  void DisarmAllLocked();
  Watched* ArmAllLocked();
  Outcome Work(Watched* w);
  void AddLocked(Watched* w);
  bool WakeWatchman();  // false: it cannot be
  void WatchmanLoop();
  bool WatchmanTick();

  // SYNC(looker): looking_ and sleepers_ are a store-then-load pair; see LeaveLooking().
  std::atomic<bool> looking_{false};
  std::atomic<int> sleepers_{0};
  // SYNC(added): additions_ and sleepers_ are another; see Add().
  std::atomic<uint32_t> additions_{0};
  std::atomic<int> changes_wanted_{0};  // others want hot_mu_: the looker lets go
  std::mutex hot_mu_;                   // held by the looker while it looks; guards hot_
  std::vector<Watched*> hot_;
  size_t next_ = 0;  // where the next look begins, for fairness; guarded by hot_mu_
  LookBudget budget_;
  Yielder yielder_;
  std::atomic<uint64_t> armed_at_ns_{0};
  std::atomic<uint64_t> descriptors_at_ns_{0};
  std::atomic<uint64_t> work_done_{0};
  Absences absences_;
  std::atomic<int> calls_{0};                // under way in this process
  std::atomic<uint32_t> watchman_awake_{0};  // a futex
  std::once_flag* watchman_started_;
};

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_WATCH_H_
