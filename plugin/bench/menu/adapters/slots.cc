#include "plugin/bench/menu/adapters/slots.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace samehost::bench::menu {
namespace {

std::string NameOf(const Place& place, Backing backing) {
  return backing == Backing::kFile ? place.directory + "/mapped" : "/" + place.token;
}

}  // namespace

size_t WholePages(size_t bytes) { return (bytes + PageBytes() - 1) / PageBytes() * PageBytes(); }

UniqueFd OpenBacking(const Place& place, Backing backing, size_t bytes) {
  const std::string name = NameOf(place, backing);
  const int how = O_RDWR | O_CLOEXEC | (place.server() ? O_CREAT | O_EXCL : 0);
  UniqueFd fd(backing == Backing::kFile ? ::open(name.c_str(), how, 0600)
                                        : ::shm_open(name.c_str(), how, 0600));
  if (!fd.valid()) FailErrno("open " + name);
  if (place.server() && ::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0) {
    FailErrno("ftruncate");
  }
  return fd;
}

void UnlinkBacking(const Place& place, Backing backing) {
  const std::string name = NameOf(place, backing);
  if (backing == Backing::kFile) {
    ::unlink(name.c_str());
  } else {
    ::shm_unlink(name.c_str());
  }
}

Mapping MapBacking(const UniqueFd& fd, size_t bytes) {
  auto mapping = Mapping::Shared(fd.get(), 0, bytes, {.populate = true});
  if (!mapping.ok()) throw BenchFailure("mmap: " + ToString(mapping.error()));
  return *std::move(mapping);
}

}  // namespace samehost::bench::menu
