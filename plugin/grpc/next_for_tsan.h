// To stand in front of a function of gRPC's libraries: a definition of the same name, linked into
// the program, is what the dynamic linker finds first, for calls within the libraries too. Only for
// the
// *_for_tsan.cc files; any thread.
#ifndef SAMEHOST_PLUGIN_GRPC_NEXT_FOR_TSAN_H_
#define SAMEHOST_PLUGIN_GRPC_NEXT_FOR_TSAN_H_

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace samehost::grpc_transport {

// The function that `ours` stands in front of: the next one of the same name.
inline void* Next(void* ours) {
  Dl_info info;
  void* next = nullptr;
  if (dladdr(ours, &info) != 0 && info.dli_saddr == ours) next = dlsym(RTLD_NEXT, info.dli_sname);
  if (next == nullptr) {
    fprintf(stderr, "for_tsan: nothing behind %s\n",
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

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_NEXT_FOR_TSAN_H_
