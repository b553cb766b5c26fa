// What `samehost run` loads into a program (LD_PRELOAD): it stands in front of three functions of
// gRPC's C surface and, in a process that has the very gRPC that samehost was built for, loads
// samehost's library before that gRPC's first grpc_init. In every other process it does nothing.
//
// Called by gRPC's own threads and the program's, from any thread, at any time after the dynamic
// linker has run. Owns nothing that could be freed; opens no descriptors. Failure: the program's
// gRPC is left alone, and says so where SAMEHOST_LOG asks for it.
//
// As small as can be, for it gets into programs that have nothing to do with gRPC: the C library
// alone, no C++ runtime, no constructors.
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugin/preload/next.h"

struct grpc_channel;
struct grpc_channel_args;
struct grpc_channel_credentials;
struct grpc_server;
struct grpc_server_credentials;

// Nothing here may be taken for a symbol of the program's but what is meant to.
#define SAMEHOST_INTERPOSED extern "C" __attribute__((visibility("default")))

namespace samehost::preload {
namespace {

// plugin/grpc/upgrade.h, which cannot be included here: it belongs to gRPC's C++ world.
using UpgradeChannel = grpc_channel_credentials* (*)(grpc_channel_credentials*, const char*);
using ReleaseChannel = void (*)(grpc_channel_credentials*);
using UpgradePort = int (*)(grpc_server*, const char*, grpc_server_credentials*, int*);

struct Library {
  UpgradeChannel upgrade_channel = nullptr;
  ReleaseChannel release_channel = nullptr;
  UpgradePort upgrade_port = nullptr;
};
Library g_library;  // written once, under pthread_once
pthread_once_t g_loaded = PTHREAD_ONCE_INIT;

// samehost's library calls the same functions to do the stock part of its work.
thread_local bool t_inside = false;

void Say(const char* what, const char* detail) {
  const char* level = getenv("SAMEHOST_LOG");
  if (level == nullptr || (strcmp(level, "info") != 0 && strcmp(level, "debug") != 0)) return;
  char line[512];
  const int length = snprintf(line, sizeof(line), "samehost: %s%s\n", what, detail);
  const size_t bytes = length < 0                                    ? 0
                       : static_cast<size_t>(length) >= sizeof(line) ? sizeof(line) - 1
                                                                     : static_cast<size_t>(length);
  [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, line, bytes);
}

// It would be said again for every place in the code that calls.
void SayOnce(const char* what, const char* detail) {
  static bool said = false;
  // relaxed: a flag of its own.
  if (!__atomic_exchange_n(&said, true, __ATOMIC_RELAXED)) Say(what, detail);
}

bool SwitchedOff() {
  const char* value = getenv("SAMEHOST");
  return value != nullptr && (strcmp(value, "off") == 0 || strcmp(value, "0") == 0);
}

void LoadLibrary() {
  // Found through this object's own run path, so it is the one that was installed beside it.
  void* handle = dlopen(SAMEHOST_GRPC_LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) return Say("gRPC is not served: ", dlerror());
  Library library;
  library.upgrade_channel =
      reinterpret_cast<UpgradeChannel>(dlsym(handle, "samehost_grpc_upgrade_channel"));
  library.release_channel =
      reinterpret_cast<ReleaseChannel>(dlsym(handle, "samehost_grpc_release_channel"));
  library.upgrade_port = reinterpret_cast<UpgradePort>(dlsym(handle, "samehost_grpc_upgrade_port"));
  if (library.upgrade_channel == nullptr || library.release_channel == nullptr ||
      library.upgrade_port == nullptr) {
    return Say("gRPC is not served: ", SAMEHOST_GRPC_LIBRARY " is of another version");
  }
  g_library = library;
}

// Whether `init` is grpc_init of the library that ours is linked to, in the version it was built
// for.
bool IsOurGrpc(void* init) {
  // Never loads a gRPC: only looks which one goes by that name.
  void* handle = dlopen(SAMEHOST_GRPC_SONAME, RTLD_LAZY | RTLD_NOLOAD);
  const bool same = handle != nullptr && dlsym(handle, "grpc_init") == init;
  const char* found = "";
  if (same) {
    using Version = const char* (*)();
    const auto version = reinterpret_cast<Version>(dlsym(handle, "grpc_version_string"));
    found = version != nullptr ? version() : "";
  }
  if (handle != nullptr) dlclose(handle);
  if (same && strcmp(found, SAMEHOST_GRPC_CORE_VERSION) == 0) return true;
  Dl_info info = {};
  dladdr(init, &info);
  SayOnce("gRPC is not served, it is not version " SAMEHOST_GRPC_CORE_VERSION
          " of " SAMEHOST_GRPC_SONAME ": ",
          info.dli_fname != nullptr ? info.dli_fname : "?");
  return false;
}

// samehost's library, for a call from the object that `caller` lies in; null: leave gRPC alone.
const Library* Load(void* caller) {
  if (SwitchedOff()) return nullptr;
  static Next init("grpc_init");
  const Next::Found found = init.For(caller, IsOurGrpc);
  if (!found.accepted) return nullptr;
  pthread_once(&g_loaded, LoadLibrary);
  return g_library.upgrade_port != nullptr ? &g_library : nullptr;
}

class Inside {
 public:
  Inside() { t_inside = true; }
  ~Inside() { t_inside = false; }
};

}  // namespace
}  // namespace samehost::preload

using samehost::preload::Inside;
using samehost::preload::Library;
using samehost::preload::Load;
using samehost::preload::Next;
using samehost::preload::t_inside;

SAMEHOST_INTERPOSED void grpc_init() {
  static Next next("grpc_init");
  void* const caller = __builtin_return_address(0);
  if (!t_inside) {
    // Loading runs initialisers, which may come back here.
    Inside inside;
    Load(caller);
  }
  using Function = void (*)();
  if (void* real = next.For(caller, nullptr).address) reinterpret_cast<Function>(real)();
}

SAMEHOST_INTERPOSED grpc_channel* grpc_channel_create(const char* target,
                                                      grpc_channel_credentials* credentials,
                                                      const grpc_channel_args* args) {
  static Next next("grpc_channel_create");
  void* const caller = __builtin_return_address(0);
  using Function =
      grpc_channel* (*)(const char*, grpc_channel_credentials*, const grpc_channel_args*);
  const auto real = reinterpret_cast<Function>(next.For(caller, nullptr).address);
  if (real == nullptr) return nullptr;
  const Library* library = t_inside ? nullptr : Load(caller);
  if (library == nullptr) return real(target, credentials, args);
  Inside inside;
  grpc_channel_credentials* upgraded = library->upgrade_channel(credentials, target);
  if (upgraded == nullptr) return real(target, credentials, args);
  grpc_channel* channel = real(target, upgraded, args);
  library->release_channel(upgraded);
  return channel;
}

SAMEHOST_INTERPOSED int grpc_server_add_http2_port(grpc_server* server, const char* address,
                                                   grpc_server_credentials* credentials) {
  static Next next("grpc_server_add_http2_port");
  void* const caller = __builtin_return_address(0);
  using Function = int (*)(grpc_server*, const char*, grpc_server_credentials*);
  const auto real = reinterpret_cast<Function>(next.For(caller, nullptr).address);
  if (real == nullptr) return 0;
  const Library* library = t_inside ? nullptr : Load(caller);
  if (library == nullptr) return real(server, address, credentials);
  Inside inside;
  int port = 0;
  if (library->upgrade_port(server, address, credentials, &port) != 0) return port;
  return real(server, address, credentials);
}
