#include "plugin/cli/program_file.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

#include "plugin/base/unique_fd.h"

namespace samehost::cli {
namespace {

// An argument's name that only gRPC's core contains (GRPC_ARG_SECURITY_CONNECTOR).
constexpr char kGrpcSign[] = "grpc.internal.security_connector";

Elf64_Half ThisMachine() {
  Elf64_Ehdr own = {};
  const UniqueFd fd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  return pread(fd.get(), &own, sizeof(own), 0) == sizeof(own) ? own.e_machine : Elf64_Half{0};
}

bool NamesDynamicLinker(int fd, const Elf64_Ehdr& header) {
  if (header.e_phentsize != sizeof(Elf64_Phdr)) return false;
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  const size_t bytes = segments.size() * sizeof(Elf64_Phdr);
  if (pread(fd, segments.data(), bytes, static_cast<off_t>(header.e_phoff)) !=
      static_cast<ssize_t>(bytes)) {
    return false;
  }
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type == PT_INTERP) return true;
  }
  return false;
}

ProgramKind KindOf(int fd) {
  Elf64_Ehdr header = {};
  const ssize_t got = pread(fd, &header, sizeof(header), 0);
  if (got >= 2 && std::memcmp(&header, "#!", 2) == 0) return ProgramKind::kScript;
  if (got < EI_NIDENT || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return ProgramKind::kOther;
  }
  if (got != sizeof(header) || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_machine != ThisMachine()) {
    return ProgramKind::kForeign;
  }
  return NamesDynamicLinker(fd, header) ? ProgramKind::kDynamic : ProgramKind::kStatic;
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

Result<ProgramFile> InspectProgram(const std::string& path) {
  ProgramFile file;
  file.path = path;
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status;
  // A program may be executable and not readable.
  if (stat(path.c_str(), &status) != 0) return SystemError("stat " + path);
  file.why_privileged = ExtraRights(path, status);
  file.privileged = !file.why_privileged.empty();
  if (fd.valid()) file.kind = KindOf(fd.get());
  if (file.kind == ProgramKind::kDynamic || file.kind == ProgramKind::kStatic) {
    file.static_grpc = HoldsGrpc(path);
  }
  return file;
}

bool HoldsGrpc(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status;
  if (!fd.valid() || fstat(fd.get(), &status) != 0 || status.st_size <= 0) return false;
  const auto bytes = static_cast<size_t>(status.st_size);
  void* data = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) return false;
  const bool found = memmem(data, bytes, kGrpcSign, sizeof(kGrpcSign)) != nullptr;
  munmap(data, bytes);
  return found;
}

}  // namespace samehost::cli
