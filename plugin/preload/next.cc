#include "plugin/preload/next.h"

#include <dlfcn.h>
#include <stdlib.h>

namespace samehost::preload {
namespace {

// An object that has been looked through stays: what is remembered of it must not become another's.
constexpr int kLook = RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE;

void* LookUp(const char* name, void* caller) {
  if (void* address = dlsym(RTLD_NEXT, name)) return address;
  Dl_info info = {};
  if (dladdr(caller, &info) == 0 || info.dli_fname == nullptr) return nullptr;
  void* handle = dlopen(info.dli_fname, kLook);
  if (handle == nullptr) return nullptr;
  void* address = dlsym(handle, name);
  dlclose(handle);
  return address;
}

}  // namespace

Next::Found Next::For(void* caller, Accept accept) {
  // SYNC(answers): an answer is whole before it is to be seen.
  for (Answer* a = __atomic_load_n(&answers_, __ATOMIC_ACQUIRE); a != nullptr; a = a->next) {
    if (a->caller == caller) return a->found;
  }
  Found found = {LookUp(name_, caller), false};
  if (found.address != nullptr && accept != nullptr) found.accepted = accept(found.address);
  auto* answer = static_cast<Answer*>(malloc(sizeof(Answer)));
  if (answer == nullptr) return found;
  *answer = {caller, found, nullptr};
  // relaxed: the exchange below sees to the order, and to the value being the present one.
  answer->next = __atomic_load_n(&answers_, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(&answers_, &answer->next, answer, true, __ATOMIC_RELEASE,
                                      __ATOMIC_RELAXED)) {
  }
  return found;
}

}  // namespace samehost::preload
