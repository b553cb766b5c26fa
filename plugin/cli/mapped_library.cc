#include "plugin/cli/mapped_library.h"

#include <sys/stat.h>

#include <map>
#include <string>
#include <utility>

#include "plugin/base/unique_fd.h"
#include "plugin/cli/regular_file.h"

namespace samehost::cli {
namespace {

using FileId = std::pair<uint64_t, uint64_t>;  // device, inode

// The mapped file under this path; invalid when it is another one.
UniqueFd OpenSame(const std::string& path, const MappedFile& file) {
  UniqueFd fd = OpenRegularFile(path);
  struct stat status;
  // The device is not compared: an overlay or btrfs gives mappings another one than stat(2).
  if (!fd.valid() || fstat(fd.get(), &status) != 0 || status.st_ino != file.inode) return {};
  return fd;
}

// By its path here, or as a process sees it that has another root: in a container or a chroot.
UniqueFd OpenMapped(pid_t pid, const MappedFile& file) {
  UniqueFd fd = OpenSame(file.path, file);
  if (fd.valid()) return fd;
  return OpenSame("/proc/" + std::to_string(pid) + "/root" + file.path, file);
}

template <typename T, typename Find>
T Once(std::map<FileId, T>* known, const MappedFile& file, const Find& find) {
  const FileId id{file.device, file.inode};
  const auto found = known->find(id);
  if (found != known->end()) return found->second;
  return (*known)[id] = find();
}

}  // namespace

std::optional<LibraryNote> NoteOf(pid_t pid, const MappedFile& file) {
  static auto* known = new std::map<FileId, std::optional<LibraryNote>>();
  return Once(known, file, [&] {
    const UniqueFd fd = OpenMapped(pid, file);
    return fd.valid() ? ElfFile::FromDescriptor(fd.get()).FindNote()
                      : ElfFile::FromMemory(pid, file.start).FindNote();
  });
}

OwnCopy OwnCopyIn(pid_t pid, const MappedFile& file) {
  static auto* known = new std::map<FileId, OwnCopy>();
  return Once(known, file, [&] {
    const UniqueFd fd = OpenMapped(pid, file);
    return fd.valid() ? FindOwnCopy(fd.get()) : OwnCopy();
  });
}

}  // namespace samehost::cli
