// What libgrpc's locks and queues order, told to ThreadSanitizer. The distribution's libgrpc and
// libabsl are not built with it: their futexes and atomics are invisible, and everything that they
// order would look like a race.
//
// The functions below stand in front of the libraries' own, call them, and announce the order that
// they make, never more than that. Only in builds with ThreadSanitizer; what is not a function of
// its own in the libraries is annotated where it concerns us (tsan.h).
#include <grpc/support/port_platform.h>

#include <functional>
#include <memory>
#include <utility>

#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "plugin/grpc/next_for_tsan.h"
#include "plugin/grpc/tsan.h"
#include "src/core/lib/gprpp/mpscq.h"
#include "src/core/lib/gprpp/work_serializer.h"
#include "src/core/lib/iomgr/call_combiner.h"
#include "src/core/lib/iomgr/combiner.h"
#include "src/core/lib/iomgr/ev_posix.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/resource_quota/resource_quota.h"
#include "src/core/lib/surface/completion_queue.h"

using samehost::grpc_transport::HandedOn;
using samehost::grpc_transport::NextOf;
using samehost::grpc_transport::Plain;
using samehost::grpc_transport::TakenOver;

namespace {

[[maybe_unused]] const bool prepared = [] {
  // A debugging aid of the libraries; its graph is guarded by a spin lock inside libabsl, of which
  // nothing can be told.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // Made when they are first asked for, guarded by inlined atomics: let it be before there are
  // threads.
  (void)absl::LocalTimeZone();
  (void)absl::BitGen();
  return true;
}();

}  // namespace

// The one suppression: OpenSSL destroys a lock with the last reference to what the lock guards; it
// counts references by inlined atomics as gRPC does, and binds its own calls inside the library, so
// nothing can stand in front of them.
extern "C" const char* __tsan_default_suppressions() { return "race:^CRYPTO_THREAD_lock_free$\n"; }

// ---- Locks: also gpr_mu, gpr_cv and grpc_core::Mutex, which are made of these ------------------

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static const auto next = NextOf(Plain(&Mutex::Lock));
  next(this);
  TakenOver(this);
}

bool Mutex::TryLock() {
  static const auto next = NextOf(Plain(&Mutex::TryLock));
  if (!next(this)) return false;
  TakenOver(this);
  return true;
}

void Mutex::Unlock() {
  static const auto next = NextOf(Plain(&Mutex::Unlock));
  HandedOn(this);
  next(this);
}

void Mutex::ReaderLock() {
  static const auto next = NextOf(Plain(&Mutex::ReaderLock));
  next(this);
  TakenOver(this);
}

void Mutex::ReaderUnlock() {
  static const auto next = NextOf(Plain(&Mutex::ReaderUnlock));
  HandedOn(this);
  next(this);
}

void CondVar::Wait(Mutex* mutex) {
  static const auto next = NextOf(Plain(&CondVar::Wait));
  HandedOn(mutex);
  next(this, mutex);
  TakenOver(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static const auto next = NextOf(Plain(&CondVar::WaitWithTimeout));
  HandedOn(mutex);
  const bool timed_out = next(this, mutex, timeout);
  TakenOver(mutex);
  return timed_out;
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static const auto next = NextOf(Plain(&CondVar::WaitWithDeadline));
  HandedOn(mutex);
  const bool timed_out = next(this, mutex, deadline);
  TakenOver(mutex);
  return timed_out;
}

ABSL_NAMESPACE_END
}  // namespace absl

// ---- Queues, closures, combiners, serializers: atomics ----------------------------------------

// The last one destroys the queue and what it polls.
#ifndef NDEBUG
void grpc_cq_internal_unref(grpc_completion_queue* queue, const char* reason, const char* file,
                            int line) {
  static const auto next = NextOf(&grpc_cq_internal_unref);
  HandedOn(queue);
  TakenOver(queue);
  next(queue, reason, file, line);
}
#else
void grpc_cq_internal_unref(grpc_completion_queue* queue) {
  static const auto next = NextOf(&grpc_cq_internal_unref);
  HandedOn(queue);
  TakenOver(queue);
  next(queue);
}
#endif

// Who asks for a descriptor that was shut down is given the reason.
void grpc_fd_shutdown(grpc_fd* fd, grpc_error_handle why) {
  static const auto next = NextOf(&grpc_fd_shutdown);
  HandedOn(fd);
  next(fd, std::move(why));
}

// A closure that waits for a descriptor is handed to whichever thread polls.
void grpc_fd_notify_on_read(grpc_fd* fd, grpc_closure* closure) {
  static const auto next = NextOf(&grpc_fd_notify_on_read);
  TakenOver(fd);
  HandedOn(closure);
  next(fd, closure);
}

void grpc_fd_notify_on_write(grpc_fd* fd, grpc_closure* closure) {
  static const auto next = NextOf(&grpc_fd_notify_on_write);
  TakenOver(fd);
  HandedOn(closure);
  next(fd, closure);
}

void grpc_fd_notify_on_error(grpc_fd* fd, grpc_closure* closure) {
  static const auto next = NextOf(&grpc_fd_notify_on_error);
  TakenOver(fd);
  HandedOn(closure);
  next(fd, closure);
}

namespace grpc_core {

using Queue = MultiProducerSingleConsumerQueue;
using LockedQueue = LockedMultiProducerSingleConsumerQueue;

bool Queue::Push(Node* node) {
  static const auto next = NextOf(Plain(&Queue::Push));
  HandedOn(node);
  return next(this, node);
}

Queue::Node* Queue::Pop() {
  static const auto next = NextOf(Plain(&Queue::Pop));
  Node* node = next(this);
  if (node != nullptr) TakenOver(node);
  return node;
}

Queue::Node* Queue::PopAndCheckEnd(bool* empty) {
  static const auto next = NextOf(Plain(&Queue::PopAndCheckEnd));
  Node* node = next(this, empty);
  if (node != nullptr) TakenOver(node);
  return node;
}

bool LockedQueue::Push(Node* node) {
  static const auto next = NextOf(Plain(&LockedQueue::Push));
  HandedOn(node);
  return next(this, node);
}

LockedQueue::Node* LockedQueue::TryPop() {
  static const auto next = NextOf(Plain(&LockedQueue::TryPop));
  Node* node = next(this);
  if (node != nullptr) TakenOver(node);
  return node;
}

LockedQueue::Node* LockedQueue::Pop() {
  static const auto next = NextOf(Plain(&LockedQueue::Pop));
  Node* node = next(this);
  if (node != nullptr) TakenOver(node);
  return node;
}

// Who starts a closure while nobody else is in the combiner follows whoever stopped last.
#ifndef NDEBUG
void CallCombiner::Start(grpc_closure* closure, grpc_error_handle error, const char* file, int line,
                         const char* reason) {
  static const auto next = NextOf(Plain(&CallCombiner::Start));
  HandedOn(this);
  next(this, closure, std::move(error), file, line, reason);
  TakenOver(this);
}

void CallCombiner::Stop(const char* file, int line, const char* reason) {
  static const auto next = NextOf(Plain(&CallCombiner::Stop));
  HandedOn(this);
  next(this, file, line, reason);
  TakenOver(this);
}
#else
void CallCombiner::Start(grpc_closure* closure, grpc_error_handle error, const char* reason) {
  static const auto next = NextOf(Plain(&CallCombiner::Start));
  HandedOn(this);
  next(this, closure, std::move(error), reason);
  TakenOver(this);
}

void CallCombiner::Stop(const char* reason) {
  static const auto next = NextOf(Plain(&CallCombiner::Stop));
  HandedOn(this);
  next(this, reason);
  TakenOver(this);
}
#endif

void ExecCtx::Run(const DebugLocation& location, grpc_closure* closure, grpc_error_handle error) {
  static const auto next = NextOf(&ExecCtx::Run);
  if (closure != nullptr) TakenOver(closure);
  next(location, closure, std::move(error));
}

namespace {

// A closure of a combiner, with what the combiner orders around it.
struct Combined {
  Combiner* combiner;
  grpc_closure* closure;
  grpc_iomgr_cb_func callback;
  void* argument;

  static void Wrap(Combiner* combiner, grpc_closure* closure) {
    HandedOn(closure);
    closure->cb_arg = new Combined{combiner, closure, closure->cb, closure->cb_arg};
    closure->cb = Run;
  }
  static void Run(void* arg, grpc_error_handle error) {
    const std::unique_ptr<Combined> self(static_cast<Combined*>(arg));
    self->closure->cb = self->callback;
    self->closure->cb_arg = self->argument;
    TakenOver(self->closure);
    TakenOver(self->combiner);
    self->callback(self->argument, std::move(error));
    HandedOn(self->combiner);
  }
};

}  // namespace

// Closures of one combiner run one after the other, on whichever thread.
void Combiner::Run(grpc_closure* closure, grpc_error_handle error) {
  static const auto next = NextOf(Plain(&Combiner::Run));
  Combined::Wrap(this, closure);
  next(this, closure, std::move(error));
}

void Combiner::FinallyRun(grpc_closure* closure, grpc_error_handle error) {
  static const auto next = NextOf(Plain(&Combiner::FinallyRun));
  Combined::Wrap(this, closure);
  next(this, closure, std::move(error));
}

// Of call.cc, which keeps it to itself. The operations of a batch end on several threads; the one
// that ends last completes the batch for the application.
class FilterStackCall {
 public:
  struct BatchControl {
    void FinishStep();
    void PostCompletion();
  };
};

void FilterStackCall::BatchControl::FinishStep() {
  static const auto next = NextOf(Plain(&BatchControl::FinishStep));
  HandedOn(this);
  next(this);
}

void FilterStackCall::BatchControl::PostCompletion() {
  static const auto next = NextOf(Plain(&BatchControl::PostCompletion));
  TakenOver(this);
  next(this);
}

// Made by whoever asks first. Our own static is guarded for ThreadSanitizer to see, the library's
// not.
RefCountedPtr<ResourceQuota> ResourceQuota::Default() {
  static const auto next = NextOf(&ResourceQuota::Default);
  static const RefCountedPtr<ResourceQuota>& only = *new RefCountedPtr<ResourceQuota>(next());
  return only;
}

// Callbacks of one serializer run one after the other, on whichever thread.
void WorkSerializer::Run(std::function<void()> callback, const DebugLocation& location) {
  static const auto next = NextOf(Plain(&WorkSerializer::Run));
  HandedOn(this);
  next(
      this,
      [this, callback = std::move(callback)] {
        TakenOver(this);
        callback();
        HandedOn(this);
      },
      location);
}

void WorkSerializer::Schedule(std::function<void()> callback, const DebugLocation& location) {
  static const auto next = NextOf(Plain(&WorkSerializer::Schedule));
  HandedOn(this);
  next(
      this,
      [this, callback = std::move(callback)] {
        TakenOver(this);
        callback();
        HandedOn(this);
      },
      location);
}

}  // namespace grpc_core
