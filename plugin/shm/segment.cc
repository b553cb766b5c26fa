#include "plugin/shm/segment.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>

#include "plugin/base/aside.h"
#include "plugin/base/mapping.h"
#include "plugin/base/memory_headroom.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace samehost::shm {
namespace {

constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

Error Bad(const char* what) {
  return Error{ErrorCode::kProtocol, 0, std::string("shared memory from the peer: ") + what};
}

Result<UniqueFd> MakeMemory(const char* name) {
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  UniqueFd fd(memfd_create(name, flags | MFD_NOEXEC_SEAL));
  // Before Linux 6.3 the flag is unknown.
  if (!fd.valid() && errno == EINVAL) fd.Reset(memfd_create(name, flags));
  if (fd.valid()) return Aside(std::move(fd));
  if (errno == ENOSYS || errno == EINVAL) {
    return Error{ErrorCode::kUnsupported, errno, "memfd_create"};
  }
  return SystemError("memfd_create");
}

// Backs every byte now: a page that cannot be had later would raise SIGBUS.
Status Back(int fd, uint64_t bytes) {
  int result;
  do {
    result = fallocate(fd, 0, 0, static_cast<off_t>(bytes));
  } while (result < 0 && errno == EINTR);
  if (result == 0) return {};
  if (errno == ENOSPC || errno == ENOMEM) return Error{ErrorCode::kNoMemory, errno, "fallocate"};
  return SystemError("fallocate");
}

Result<UniqueFd> MakeBackedMemory(const char* name, uint64_t bytes) {
  if (!MemoryAllows(bytes)) {
    return Error{ErrorCode::kNoMemory, 0, "shared memory of " + std::to_string(bytes) + " bytes"};
  }
  Result<UniqueFd> fd = MakeMemory(name);
  if (!fd.ok()) return fd;
  if (ftruncate(fd->get(), static_cast<off_t>(bytes)) != 0) return SystemError("ftruncate");
  if (Status backed = Back(fd->get(), bytes); !backed.ok()) return backed.error();
  return fd;
}

Status Seal(int fd, int seals) {
  if (fcntl(fd, F_ADD_SEALS, seals) == 0) return {};
  return Error{ErrorCode::kUnsupported, errno, "F_ADD_SEALS"};
}

// The size of memory with all seals that `writable` memory, or memory that only its maker writes,
// must have.
Result<uint64_t> CheckedBytes(int fd, bool writable) {
  struct stat status;
  struct statfs system;
  if (fstat(fd, &status) != 0 || fstatfs(fd, &system) != 0) return Bad("not readable");
  if (!S_ISREG(status.st_mode)) return Bad("no file");
  // Huge pages show the same seals, but untouched pages that cannot be had raise SIGBUS.
  if (system.f_type != TMPFS_MAGIC) return Bad("not on tmpfs");
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals) return Bad("not sealed");
  const bool unwritable = (seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) != 0;
  if (unwritable == writable) return Bad(writable ? "not writable" : "not sealed against writing");
  if (status.st_size <= 0) return Bad("empty");
  if (static_cast<uint64_t>(status.st_blocks) * 512 < static_cast<uint64_t>(status.st_size)) {
    return Bad("not backed");
  }
  return static_cast<uint64_t>(status.st_size);
}

Status CheckSize(const Result<uint64_t>& size, uint64_t bytes) {
  if (!size.ok()) return size.error();
  if (*size != bytes) return Bad("wrong size");
  return {};
}

}  // namespace

Result<UniqueFd> MakeSealedMemory(const char* name, uint64_t bytes) {
  Result<UniqueFd> fd = MakeBackedMemory(name, bytes);
  if (!fd.ok()) return fd;
  if (Status sealed = Seal(fd->get(), kSeals); !sealed.ok()) return sealed.error();
  return fd;
}

Result<BlockMemory> MakeBlockMemory(uint64_t bytes, bool writable) {
  Result<UniqueFd> fd = MakeBackedMemory(kBlockMemoryName, bytes);
  if (!fd.ok()) return fd.error();
  Result<Mapping> mapping = Mapping::Shared(fd->get(), 0, bytes, {.populate = true});
  if (!mapping.ok()) return mapping.error();
  if (Status sealed = Seal(fd->get(), writable ? kSeals : kSeals | F_SEAL_FUTURE_WRITE);
      !sealed.ok()) {
    return sealed.error();
  }
  return BlockMemory{*std::move(fd), *std::move(mapping)};
}

Result<uint64_t> SealedMemoryBytes(int fd) { return CheckedBytes(fd, /*writable=*/true); }

Status CheckSealedMemory(int fd, uint64_t bytes) { return CheckSize(SealedMemoryBytes(fd), bytes); }

Status CheckBlockMemory(int fd, uint64_t bytes, bool writable) {
  return CheckSize(CheckedBytes(fd, writable), bytes);
}

void PunchAllBut(int fd, uint64_t bytes, uint64_t keep_offset, uint64_t keep_bytes) {
  const uint64_t page = PageBytes();
  // From behind the kept pages, round the end, to the first of them.
  const uint64_t first_kept = keep_offset / page * page;
  const uint64_t kept = (keep_offset + keep_bytes + page - 1) / page * page - first_kept;
  const auto punch = [&](uint64_t from, uint64_t size) {
    if (size == 0) return;
    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(from),
              static_cast<off_t>(size));  // no harm when it fails: the memory stays
  };
  if (kept >= bytes) return;
  const uint64_t start = (first_kept + kept) % bytes;
  const uint64_t to_end = std::min(bytes - start, bytes - kept);
  punch(start, to_end);
  punch(0, bytes - kept - to_end);
}

uint64_t BackedBytes(int fd) {
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) return 0;
  return static_cast<uint64_t>(status.st_blocks) * 512;
}

}  // namespace samehost::shm
