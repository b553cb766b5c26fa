#include "plugin/base/mapping.h"

#include <sys/mman.h>
#include <unistd.h>

namespace samehost {
namespace {

int Protection(Mapping::Access access) {
  return access == Mapping::Access::kRead ? PROT_READ : PROT_READ | PROT_WRITE;
}

Error BadSize(const char* operation) {
  return Error{ErrorCode::kInvalidArgument, 0, std::string(operation) + ": size is no whole page"};
}

}  // namespace

size_t PageBytes() {
  static const size_t bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

Result<Mapping> Mapping::Shared(int fd, uint64_t offset, size_t bytes, Options options) {
  if (bytes == 0 || bytes % PageBytes() != 0) return BadSize("mmap");
  const int flags = MAP_SHARED | (options.populate ? MAP_POPULATE : 0);
  void* address =
      mmap(nullptr, bytes, Protection(options.access), flags, fd, static_cast<off_t>(offset));
  if (address == MAP_FAILED) return SystemError("mmap");
  madvise(address, bytes, MADV_DONTDUMP);  // advice: a failure only makes core dumps larger
  return Mapping(static_cast<std::byte*>(address), bytes);
}

Result<Mapping> Mapping::Mirrored(int fd, uint64_t offset, size_t bytes, Options options) {
  if (bytes == 0 || bytes % PageBytes() != 0) return BadSize("mmap mirrored");
  // Address space first, so that nothing else can move in between the two halves.
  void* address = mmap(nullptr, 2 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) return SystemError("mmap reservation");
  Mapping mapping(static_cast<std::byte*>(address), 2 * bytes);
  const int flags = MAP_SHARED | MAP_FIXED | (options.populate ? MAP_POPULATE : 0);
  for (size_t half = 0; half < 2; ++half) {
    if (mmap(mapping.data_ + half * bytes, bytes, Protection(options.access), flags, fd,
             static_cast<off_t>(offset)) == MAP_FAILED) {
      return SystemError("mmap mirrored");
    }
  }
  madvise(address, 2 * bytes, MADV_DONTDUMP);
  return mapping;
}

void Mapping::Reset() {
  if (data_ != nullptr) munmap(data_, size_);
  data_ = nullptr;
  size_ = 0;
}

}  // namespace samehost
