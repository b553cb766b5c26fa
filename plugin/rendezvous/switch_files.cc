#include "plugin/rendezvous/switch_files.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <mutex>

#include "plugin/base/clock.h"
#include "plugin/base/trimmed.h"
#include "plugin/base/unique_fd.h"
#include "plugin/rendezvous/directory.h"

namespace samehost::rendezvous {
namespace {

constexpr size_t kMaxBytes = 64 * 1024;

std::vector<std::string> Directories(const std::string& configured) {
  std::vector<std::string> paths = BaseDirectories(configured);
  if (std::find(paths.begin(), paths.end(), kSystemBase) == paths.end()) {
    paths.insert(paths.begin(), kSystemBase);
  }
  return paths;
}

bool MayBeThere(const std::string& path) {
  struct stat status;
  return lstat(path.c_str(), &status) == 0;
}

// "" when this file counts in a directory that belongs to `directory_owner`.
std::string WhyIgnored(const struct stat& status, uid_t directory_owner) {
  if (!S_ISREG(status.st_mode)) return "it is not a regular file";
  // The directory is root's or this user's own: that has been checked.
  if (status.st_uid != 0 && status.st_uid != directory_owner) {
    return "it belongs to uid " + std::to_string(status.st_uid) + ", not to root";
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others may write to it";
  return "";
}

class Look {
 public:
  Look(std::string directory, SwitchFiles* out) : directory_(std::move(directory)), out_(out) {}

  void At(const char* name) {
    const std::string path = directory_ + "/" + name;
    if (!MayBeThere(path) || !OpenDirectory()) return;
    // Not for reading: that root keeps it to itself does not make it another file.
    UniqueFd fd(openat(base_.get(), name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat status;
    if (!fd.valid() || fstat(fd.get(), &status) != 0) return;
    const std::string why = WhyIgnored(status, owner_);
    if (!why.empty()) return Ignore(path, why);
    if (std::string_view(name) == kOffFile) {
      out_->off = path;
    } else {
      ReadExclusions(path, fd.get());
    }
  }

 private:
  bool OpenDirectory() {
    if (base_.valid()) return true;
    auto base = OpenBaseDirectory(directory_);
    struct stat status;
    if (!base || fstat(base->get(), &status) != 0) return false;
    base_ = *std::move(base);
    owner_ = status.st_uid;
    return true;
  }

  void Ignore(const std::string& path, const std::string& why) {
    out_->ignored.push_back(path + " is ignored: " + why);
  }

  // `checked`: the file, opened with O_PATH.
  void ReadExclusions(const std::string& path, int checked) {
    const std::string again = "/proc/thread-self/fd/" + std::to_string(checked);
    UniqueFd fd(open(again.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return Ignore(path, "it cannot be read (mode 0644 is right)");
    std::string text(kMaxBytes + 1, '\0');
    const ssize_t got = pread(fd.get(), text.data(), text.size(), 0);
    if (got < 0) return Ignore(path, "it cannot be read");
    if (static_cast<size_t>(got) > kMaxBytes) return Ignore(path, "it is larger than 64 KiB");
    std::string_view left(text.data(), static_cast<size_t>(got));
    while (!left.empty()) {
      const size_t end = left.find('\n');
      const std::string_view item = Trimmed(left.substr(0, end));
      if (!item.empty() && item.front() != '#') out_->excluded.push_back({std::string(item), path});
      left = end == std::string_view::npos ? "" : left.substr(end + 1);
    }
  }

  const std::string directory_;
  SwitchFiles* const out_;
  UniqueFd base_;
  uid_t owner_ = 0;
};

std::string TemporaryName() {
  uint64_t random = 0;
  (void)!getrandom(&random, sizeof(random), 0);
  char text[48];
  std::snprintf(text, sizeof(text), ".switch-%016llx", static_cast<unsigned long long>(random));
  return text;
}

Status WriteAll(int fd, std::string_view content) {
  while (!content.empty()) {
    const ssize_t wrote = write(fd, content.data(), content.size());
    if (wrote < 0 && errno != EINTR) return SystemError("write");
    if (wrote > 0) content.remove_prefix(static_cast<size_t>(wrote));
  }
  return {};
}

// Others may make files in /run/samehost: what stands where the switch belongs gives way, a folder
// as well.
Status MoveIntoPlace(int base, const std::string& from, const char* name) {
  if (renameat(base, from.c_str(), base, name) == 0) return {};
  if (errno == EISDIR && renameat(base, name, base, TemporaryName().c_str()) == 0 &&
      renameat(base, from.c_str(), base, name) == 0) {
    return {};
  }
  const Error error = SystemError(std::string("rename to ") + name);
  unlinkat(base, from.c_str(), 0);
  return error;
}

}  // namespace

SwitchFiles ReadSwitchFiles(const std::string& configured) {
  SwitchFiles out;
  for (std::string& directory : Directories(configured)) {
    Look look(std::move(directory), &out);
    if (out.off.empty()) look.At(kOffFile);
    look.At(kExcludeFile);
  }
  return out;
}

std::shared_ptr<const SwitchFiles> RecentSwitchFiles(const std::string& configured) {
  struct Cache {
    std::mutex mutex;
    std::string configured;
    uint64_t looked_nanos = 0;
    std::shared_ptr<const SwitchFiles> files;
  };
  // Never destroyed: threads of other libraries ask to the end.
  static Cache* cache = new Cache;
  constexpr uint64_t kFreshNanos = kSwitchInterval / std::chrono::nanoseconds(2);
  const uint64_t now = MonotonicNanos();
  std::lock_guard lock(cache->mutex);
  if (cache->files == nullptr || cache->configured != configured ||
      now - cache->looked_nanos > kFreshNanos) {
    cache->files = std::make_shared<const SwitchFiles>(ReadSwitchFiles(configured));
    cache->configured = configured;
    cache->looked_nanos = now;
  }
  return cache->files;
}

std::chrono::milliseconds UntilNextLook() {
  const auto now = std::chrono::milliseconds(MonotonicNanos() / 1'000'000);
  return kSwitchInterval - now % kSwitchInterval;
}

Status WriteSwitchFile(const std::string& directory, const char* name, std::string_view content) {
  auto base = MakeBaseDirectory(directory);
  if (!base) return base.error();
  const std::string temporary = TemporaryName();
  UniqueFd fd(
      openat(base->get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.valid()) return SystemError("make a file in " + directory);
  Status written = WriteAll(fd.get(), content);
  // Not by open(), whose mode the umask cuts.
  if (written && fchmod(fd.get(), 0644) != 0) written = SystemError("chmod");
  if (!written) {
    unlinkat(base->get(), temporary.c_str(), 0);
    return written;
  }
  return MoveIntoPlace(base->get(), temporary, name);
}

Result<bool> RemoveSwitchFile(const std::string& directory, const char* name) {
  auto base = OpenBaseDirectory(directory);
  if (!base && base.error().code == ErrorCode::kNotFound) return false;
  if (!base) return base.error();
  if (unlinkat(base->get(), name, 0) == 0) return true;
  if (errno == ENOENT) return false;
  return SystemError("remove " + directory + "/" + name);
}

}  // namespace samehost::rendezvous
