#include "plugin/cli/program_file.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "plugin/base/unique_fd.h"
#include "plugin/cli/elf_file.h"

namespace samehost::cli {
namespace {

ProgramKind KindOf(int fd, const ElfFile& elf) {
  char start[SELFMAG] = {};
  const ssize_t got = pread(fd, start, sizeof(start), 0);
  if (got >= 2 && std::memcmp(start, "#!", 2) == 0) return ProgramKind::kScript;
  if (got < SELFMAG || std::memcmp(start, ELFMAG, SELFMAG) != 0) return ProgramKind::kOther;
  if (!elf.valid()) return ProgramKind::kForeign;
  return elf.NamesDynamicLinker() ? ProgramKind::kDynamic : ProgramKind::kStatic;
}

// Of a program's needed libraries, those of gRPC and ZeroMQ.
std::vector<std::string> OfInterest(std::vector<std::string> libraries) {
  const auto other = [](const std::string& name) {
    return !name.starts_with("libgrpc") && !name.starts_with("libzmq");
  };
  libraries.erase(std::remove_if(libraries.begin(), libraries.end(), other), libraries.end());
  return libraries;
}

// Empty when the program runs with its caller's rights.
std::string ExtraRights(const std::string& path, const struct stat& status) {
  if ((status.st_mode & S_ISUID) != 0 && status.st_uid != geteuid()) return "setuid";
  if ((status.st_mode & S_ISGID) != 0 && status.st_gid != getegid()) return "setgid";
  if (geteuid() != 0 && getxattr(path.c_str(), "security.capability", nullptr, 0) > 0) {
    return "file capabilities";
  }
  return "";
}

bool IsExecutableFile(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         access(path.c_str(), X_OK) == 0;
}

}  // namespace

Result<std::string> FindProgram(const std::string& name) {
  const Error missing{ErrorCode::kNotFound, ENOENT, name};
  if (name.empty()) return missing;
  if (name.find('/') != std::string::npos) {
    if (access(name.c_str(), F_OK) != 0) return missing;
    if (!IsExecutableFile(name)) return SystemError(name, EACCES);
    return name;
  }
  const char* path = getenv("PATH");
  std::string_view left = path != nullptr ? path : "/bin:/usr/bin";
  bool not_executable = false;
  for (;;) {
    const size_t colon = left.find(':');
    const std::string_view folder = left.substr(0, colon);
    const std::string file = (folder.empty() ? "." : std::string(folder)) + "/" + name;
    if (IsExecutableFile(file)) return file;
    not_executable = not_executable || access(file.c_str(), F_OK) == 0;
    if (colon == std::string_view::npos) break;
    left.remove_prefix(colon + 1);
  }
  if (not_executable) return SystemError(name, EACCES);
  return missing;
}

Result<ProgramFile> InspectProgram(const std::string& path, bool look_inside) {
  ProgramFile file;
  file.path = path;
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status;
  // A program may be executable and not readable.
  if (stat(path.c_str(), &status) != 0) return SystemError("stat " + path);
  file.why_privileged = ExtraRights(path, status);
  file.privileged = !file.why_privileged.empty();
  const ElfFile elf = ElfFile::FromDescriptor(fd.get());
  if (fd.valid()) file.kind = KindOf(fd.get(), elf);
  if (!look_inside || !elf.valid()) return file;
  file.own = FindOwnCopy(fd.get());
  file.needs = OfInterest(elf.NeededLibraries());
  return file;
}

}  // namespace samehost::cli
