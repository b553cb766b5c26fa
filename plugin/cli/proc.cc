#include "plugin/cli/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string_view>

#include "plugin/base/unique_fd.h"

namespace samehost::cli {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

std::string OfProcess(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

// The whole file; empty when it cannot be read.
std::string ReadFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  char buffer[16384];
  while (fd.valid()) {
    const ssize_t got = read(fd.get(), buffer, sizeof(buffer));
    if (got <= 0) break;
    out.append(buffer, static_cast<size_t>(got));
  }
  return out;
}

// A number that is a whole name; -1 for anything else.
long ToNumber(const char* text) {
  if (*text < '0' || *text > '9') return -1;
  char* end = nullptr;
  const long value = strtol(text, &end, 10);
  return *end == 0 ? value : -1;
}

std::vector<long> NumberedEntries(const std::string& path, bool* readable) {
  std::vector<long> out;
  const Folder folder(opendir(path.c_str()));
  *readable = folder != nullptr;
  while (folder != nullptr) {
    const dirent* entry = readdir(folder.get());
    if (entry == nullptr) break;
    const long number = ToNumber(entry->d_name);
    if (number >= 0) out.push_back(number);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// One line of /proc/PID/maps: "start-end perms offset major:minor inode   path".
std::optional<MappedFile> ParseMapping(const std::string& line) {
  MappedFile file;
  unsigned long start = 0;
  unsigned long offset = 0;
  unsigned long inode = 0;
  unsigned device_major = 0;
  unsigned device_minor = 0;
  int path = 0;
  if (sscanf(line.c_str(), "%lx-%*x %*4s %lx %x:%x %lu %n", &start, &offset, &device_major,
             &device_minor, &inode, &path) < 5 ||
      inode == 0 || path == 0) {
    return std::nullopt;
  }
  file.start = start;
  file.offset = offset;
  file.device = makedev(device_major, device_minor);
  file.inode = inode;
  file.path = line.substr(static_cast<size_t>(path));
  return file;
}

}  // namespace

std::string Printable(std::string text) {
  for (char& c : text) {
    if (c < 0x20 || c >= 0x7f) c = '?';
  }
  return text;
}

std::optional<Process> ReadProcess(pid_t pid) {
  std::istringstream lines(ReadFile(OfProcess(pid, "status")));
  Process process;
  process.pid = process.inner_pid = pid;
  std::string line;
  bool any = false;
  process.is_kernel_thread = true;
  while (std::getline(lines, line)) {
    any = true;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = line.substr(0, colon);
    std::istringstream value(line.substr(colon + 1));
    if (key == "Name") {
      std::getline(value >> std::ws, process.name);
    } else if (key == "State") {
      value >> process.state;
    } else if (key == "Uid") {
      value >> process.uid >> process.uid;  // real, effective
    } else if (key == "VmSize") {
      process.is_kernel_thread = false;
    } else if (key == "NSpid") {
      while (value >> process.inner_pid) continue;
    }
  }
  if (!any) return std::nullopt;
  process.name = Printable(process.name);
  return process;
}

bool IsAlive(pid_t pid) {
  const auto process = ReadProcess(pid);
  return process.has_value() && process->state != 'Z' && process->state != 'X';
}

std::vector<Process> ListProcesses() {
  std::vector<Process> out;
  bool readable = false;
  for (const long pid : NumberedEntries("/proc", &readable)) {
    auto process = ReadProcess(static_cast<pid_t>(pid));
    if (process && process->state != 'Z' && process->state != 'X' && !process->is_kernel_thread) {
      out.push_back(*process);
    }
  }
  return out;
}

std::string ProgramOf(pid_t pid) {
  char target[PATH_MAX];
  const ssize_t length = readlink(OfProcess(pid, "exe").c_str(), target, sizeof(target));
  return length > 0 ? std::string(target, static_cast<size_t>(length)) : "";
}

std::vector<Descriptor> ListDescriptors(pid_t pid, bool* readable) {
  const std::string folder = OfProcess(pid, "fd");
  std::vector<Descriptor> out;
  for (const long number : NumberedEntries(folder, readable)) {
    char target[PATH_MAX];
    const std::string path = folder + "/" + std::to_string(number);
    const ssize_t length = readlink(path.c_str(), target, sizeof(target));
    if (length <= 0) continue;
    out.push_back({static_cast<int>(number), std::string(target, static_cast<size_t>(length))});
  }
  return out;
}

std::string MemfdName(const std::string& target) {
  constexpr std::string_view kBefore = "/memfd:";
  constexpr std::string_view kAfter = " (deleted)";
  std::string_view text = target;
  if (text.substr(0, kBefore.size()) != kBefore) return "";
  text.remove_prefix(kBefore.size());
  if (text.size() >= kAfter.size() && text.substr(text.size() - kAfter.size()) == kAfter) {
    text.remove_suffix(kAfter.size());
  }
  return std::string(text);
}

std::vector<MappedFile> ListMappedFiles(pid_t pid) {
  std::vector<MappedFile> out;
  std::istringstream lines(ReadFile(OfProcess(pid, "maps")));
  std::string line;
  while (std::getline(lines, line)) {
    auto file = ParseMapping(line);
    if (!file) continue;
    const auto known = std::find_if(out.begin(), out.end(), [&](const MappedFile& other) {
      return other.inode == file->inode && other.device == file->device && other.path == file->path;
    });
    if (known == out.end()) {
      out.push_back(*std::move(file));
    } else if (file->offset < known->offset) {
      *known = *std::move(file);
    }
  }
  return out;
}

}  // namespace samehost::cli
