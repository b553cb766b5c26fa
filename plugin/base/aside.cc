#include "plugin/base/aside.h"

#include <fcntl.h>

namespace samehost {

UniqueFd Aside(UniqueFd fd) {
  if (!fd.valid() || fd.get() >= kAsideFrom) return fd;
  UniqueFd moved(fcntl(fd.get(), F_DUPFD_CLOEXEC, kAsideFrom));
  return moved.valid() ? std::move(moved) : std::move(fd);
}

}  // namespace samehost
