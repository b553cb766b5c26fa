#include "plugin/base/aside.h"

#include <fcntl.h>

namespace samehost {

UniqueFd Aside(UniqueFd fd) {
  if (!fd.valid()) return fd;
  if (fd.get() < kAsideFrom) {
    UniqueFd moved(fcntl(fd.get(), F_DUPFD_CLOEXEC, kAsideFrom));
    if (moved.valid()) fd = std::move(moved);
  }
  fd.Remember();
  return fd;
}

}  // namespace samehost
