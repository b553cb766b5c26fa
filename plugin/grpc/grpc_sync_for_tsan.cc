// What libgrpc's locks and queues order, told to ThreadSanitizer. The distribution's libgrpc and libabsl are not
// built with it: their futexes and atomics are invisible, and everything that they order would look like a race.
//
// The functions below stand in front of the libraries' own (they are linked into the program, which the dynamic
// linker asks first), call them, and announce the order that they make: never more than they do make, and no report
// is hidden. Only in builds with ThreadSanitizer; what is not a function of its own in the libraries is annotated
// where it concerns us (tsan.h).
#include <grpc/grpc.h>
#include <grpc/support/port_platform.h>
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "plugin/grpc/tsan.h"
#include "src/core/lib/gprpp/mpscq.h"
#include "src/core/lib/gprpp/work_serializer.h"
#include "src/core/lib/iomgr/call_combiner.h"

using samehost::grpc_transport::HandedOn;
using samehost::grpc_transport::TakenOver;

namespace {

// The function that `ours` stands in front of: the next one of the same name.
void* Next(void* ours) {
  Dl_info info;
  void* next = nullptr;
  if (dladdr(ours, &info) != 0 && info.dli_saddr == ours) next = dlsym(RTLD_NEXT, info.dli_sname);
  if (next == nullptr) {
    fprintf(stderr, "grpc_sync_for_tsan: nothing behind %s\n",
            info.dli_sname != nullptr ? info.dli_sname : "a function");
    abort();
  }
  return next;
}

// A member function as the plain function that it is (Itanium C++ ABI; none here is virtual).
template <typename R, typename C, typename... A>
auto Plain(R (C::*method)(A...)) {
  void* code;
  std::memcpy(&code, &method, sizeof code);
  return reinterpret_cast<R (*)(C*, A...)>(code);
}

template <typename Function>
Function* NextOf(Function* ours) {
  return reinterpret_cast<Function*>(Next(reinterpret_cast<void*>(ours)));
}

}  // namespace

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

// ---- Queues and the call combiner: atomics ---------------------------------------------------

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

// Callbacks of one serializer run one after the other, on whichever thread.
void WorkSerializer::Run(std::function<void()> callback, const DebugLocation& location) {
  static const auto next = NextOf(Plain(&WorkSerializer::Run));
  HandedOn(this);
  next(this, [this, callback = std::move(callback)] {
    TakenOver(this);
    callback();
    HandedOn(this);
  }, location);
}

void WorkSerializer::Schedule(std::function<void()> callback, const DebugLocation& location) {
  static const auto next = NextOf(Plain(&WorkSerializer::Schedule));
  HandedOn(this);
  next(this, [this, callback = std::move(callback)] {
    TakenOver(this);
    callback();
    HandedOn(this);
  }, location);
}

}  // namespace grpc_core
