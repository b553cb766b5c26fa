// Hand-offs that ThreadSanitizer cannot see by itself: libgrpc is not built with it, so what gRPC
// passes from thread to thread through its own atomics (a descriptor's closure, a slice's reference
// count) looks unordered. The two ends of such a hand-off say so here, by the address of what is
// handed on. Nothing in other builds.
//
// gRPC's locks and queues, which order most of what we do, are told to ThreadSanitizer in one
// place: grpc_sync_for_tsan.cc. Never to be used for what our own locks and atomics should order.
#ifndef SAMEHOST_PLUGIN_GRPC_TSAN_H_
#define SAMEHOST_PLUGIN_GRPC_TSAN_H_

#if defined(__SANITIZE_THREAD__)
#define SAMEHOST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SAMEHOST_TSAN 1
#endif
#endif

#ifdef SAMEHOST_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace samehost::grpc_transport {

// What this thread did so far happens before whatever follows TakenOver(what) on another thread.
inline void HandedOn([[maybe_unused]] const void* what) {
#ifdef SAMEHOST_TSAN
  __tsan_release(const_cast<void*>(what));
#endif
}

inline void TakenOver([[maybe_unused]] const void* what) {
#ifdef SAMEHOST_TSAN
  __tsan_acquire(const_cast<void*>(what));
#endif
}

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_TSAN_H_
