// DoorbellSet: who hears the doorbells of this process while nobody looks at the rings.
//
// gRPC's pollers hand over: who has been woken wakes the next one before it does anything else, so
// every call that begins with a doorbell would wake two threads, one after the other. Therefore,
// when a thread sleeps on gRPC's descriptors already, the next one (the listener) sleeps on the
// doorbells alone, and nobody else hears them; while it is away the others do, through the gate.
//
//   doorbells --> set (epoll) --> the listener, when there is one
//                  `--> gate (epoll; open while there is none) --> gRPC's epoll set --> a poller
//
// Owner: process-wide singleton, never destroyed; its descriptors live as long as there are links.
// Any thread; one that has an ExecCtx, but for Wake() and ResetInChild().
#ifndef SAMEHOST_PLUGIN_GRPC_DOORBELL_SET_H_
#define SAMEHOST_PLUGIN_GRPC_DOORBELL_SET_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "plugin/base/unique_fd.h"
#include "plugin/grpc/watch.h"

namespace samehost::grpc_transport {

class DoorbellSet {
 public:
  static DoorbellSet& Get();

  // From now on w->OnDoorbell() is called when its link's doorbell has rung. False: there are no
  // descriptors for it.
  bool Add(Watched* w);
  // OnDoorbell() is not called any more, though it may be running still. Nothing if not added.
  void Remove(Watched* w);

  // A thread that can be woken by Wake().
  struct Sleeper {
    std::atomic<bool> stop{false};
    std::atomic<bool> listens{false};
  };
  // Where the caller is to sleep. kSleep: on gRPC's descriptors, and then it calls Left(). Else it
  // has slept here: kWorked: a doorbell has been seen to; kStopped: it was woken, or the deadline
  // (monotonic ns) is over. The caller holds no locks.
  Watch::Outcome Listen(Sleeper* sleeper, uint64_t deadline_ns);
  // The caller has slept on gRPC's descriptors.
  void Left();
  // Sets sleeper->stop, and ends its sleep here. The caller sees to it that `sleeper` stays.
  void Wake(Sleeper* sleeper);

  // In the child after fork: forgets everything.
  void ResetInChild();

 private:
  struct Descriptors {
    UniqueFd set;
    UniqueFd kick;  // wakes the listener; never read, each write is an edge
  };
  struct Gate;

  DoorbellSet() = default;
  bool MakeLocked();
  void DropLocked();
  void SetGateLocked(bool open);
  void KickLocked();
  std::shared_ptr<const Descriptors> BecomeListener(Sleeper* sleeper);
  void EndListening(Sleeper* sleeper, bool usable);
  void OnGate(Gate* gate, bool ended);
  // Sees to doorbells that have rung, waiting for the first. How many events there were; negative:
  // somebody has closed the descriptor.
  int Hear(const Descriptors& descriptors, int timeout_ms, bool listener, bool* heard);

  std::mutex mu_;  // guards everything but relieved_
  std::unordered_map<uint64_t, Watched*> watched_;
  uint64_t last_id_ = 0;
  std::shared_ptr<const Descriptors> descriptors_;  // null: no links
  Gate* gate_ = nullptr;                            // as long as descriptors_
  int pollers_ = 0;                                 // threads that sleep on gRPC's descriptors
  bool listener_ = false;
  bool usable_ = true;                 // descriptors_
  std::atomic<bool> relieved_{false};  // the listener is to look for another place
};

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_DOORBELL_SET_H_
