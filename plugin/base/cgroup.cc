#include "plugin/base/cgroup.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <sstream>

#include "plugin/base/unique_fd.h"

namespace samehost {
namespace {

constexpr size_t kMaxFileBytes = 64 * 1024;

// One mount of a cgroup hierarchy: a line of mountinfo(5).
struct Mount {
  std::string root;   // which part of the hierarchy is mounted
  std::string point;  // where
  std::string type;   // "cgroup" or "cgroup2"
  std::string options;
};

std::vector<std::string> Split(const std::string& line, char separator) {
  std::vector<std::string> words;
  std::istringstream stream(line);
  for (std::string word; std::getline(stream, word, separator);) words.push_back(word);
  return words;
}

bool HasWord(const std::string& list, std::string_view word) {
  for (const std::string& item : Split(list, ',')) {
    if (item == word) return true;
  }
  return false;
}

std::vector<Mount> ReadMounts(const std::string& path) {
  std::vector<Mount> mounts;
  std::istringstream lines(ReadSmallFile(path).value_or(""));
  for (std::string line; std::getline(lines, line);) {
    const std::vector<std::string> words = Split(line, ' ');
    size_t dash = 6;
    while (dash < words.size() && words[dash] != "-") ++dash;
    if (dash + 3 >= words.size()) continue;
    if (words[dash + 1] != "cgroup" && words[dash + 1] != "cgroup2") continue;
    mounts.push_back({words[3], words[4], words[dash + 1], words[dash + 3]});
  }
  return mounts;
}

// The process's path in the hierarchy, from /proc/self/cgroup ("4:memory:/a/b", "0::/a/b").
std::optional<std::string> ReadCgroupPath(const std::string& text, std::string_view controller,
                                          bool unified) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    const bool matches = unified ? line.starts_with("0::") : HasWord(names, controller);
    if (matches) return line.substr(second + 1);
  }
  return std::nullopt;
}

// The directories from the process's own cgroup up to the mount point.
std::vector<std::string> Chain(const Mount& mount, std::string path, const std::string& root) {
  // In a container the mount may show only a part of the hierarchy that our path starts with.
  if (mount.root != "/") {
    path = path.starts_with(mount.root) ? path.substr(mount.root.size()) : "";
  }
  std::vector<std::string> directories;
  while (path.size() > 1) {
    const std::string directory = root + mount.point + path;
    if (access(directory.c_str(), X_OK) == 0) directories.push_back(directory);
    path.resize(path.rfind('/'));
  }
  directories.push_back(root + mount.point);
  return directories;
}

}  // namespace

CgroupChain FindCgroup(std::string_view controller, const std::string& root) {
  const std::string cgroups = ReadSmallFile(root + "/proc/self/cgroup").value_or("");
  const std::vector<Mount> mounts = ReadMounts(root + "/proc/self/mountinfo");
  // A controller belongs to version 1 when it is mounted there, else to version 2.
  for (const bool unified : {false, true}) {
    const auto path = ReadCgroupPath(cgroups, controller, unified);
    if (!path) continue;
    for (const Mount& mount : mounts) {
      if ((mount.type == "cgroup2") != unified) continue;
      if (!unified && !HasWord(mount.options, controller)) continue;
      return {unified, Chain(mount, *path, root)};
    }
  }
  return {};
}

std::optional<std::string> ReadSmallFile(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return std::nullopt;
  std::string text;
  char piece[4096];
  while (text.size() < kMaxFileBytes) {
    const ssize_t got = read(fd.get(), piece, sizeof(piece));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(piece, static_cast<size_t>(got));
  }
  return text;
}

std::optional<uint64_t> ReadNumber(const std::string& path) {
  const auto text = ReadSmallFile(path);
  if (!text) return std::nullopt;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end == text->data()) return std::nullopt;
  return value;
}

std::optional<uint64_t> FindNumber(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.starts_with(key)) continue;
    const size_t digits = line.find_first_not_of(": \t", key.size());
    if (digits == key.size() || digits == std::string_view::npos) continue;
    uint64_t value = 0;
    if (std::from_chars(line.data() + digits, line.data() + line.size(), value).ec == std::errc()) {
      return value;
    }
  }
  return std::nullopt;
}

}  // namespace samehost
