#include "plugin/rendezvous/entry.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string_view>
#include <vector>

#include "plugin/base/aside.h"
#include "plugin/rendezvous/sweep.h"

namespace samehost::rendezvous {
namespace {

// An entry under construction. A server that dies before the name is final leaves this behind.
constexpr std::string_view kUnfinished = ".new-";
constexpr time_t kUnfinishedSeconds = 60;
constexpr int kBacklog = 128;
constexpr int kMaxSwept = 16;

// The process (for people) and 64 random bits (against equal names).
std::string UniquePart() {
  uint64_t random = 0;
  if (getrandom(&random, sizeof(random), 0) != sizeof(random))
    random = static_cast<uint64_t>(time(nullptr));
  char text[48];
  snprintf(text, sizeof(text), "%d-%016llx", getpid(), static_cast<unsigned long long>(random));
  return text;
}

// A path that is short enough for sun_path, and leads through the checked descriptor.
sockaddr_un AddressIn(const UserFolder& folder, const std::string& name) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof(address.sun_path), "/proc/thread-self/fd/%d/%s",
           folder.fd.get(), name.c_str());
  return address;
}

Status Bind(int socket, const UserFolder& folder, const std::string& name) {
  const sockaddr_un address = AddressIn(folder, name);
  if (bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return SystemError("bind " + folder.path + "/" + name);
  }
  // Everybody may knock; SO_PEERCRED decides, and a refusal can be explained.
  if (fchmodat(folder.fd.get(), name.c_str(), 0666, 0) != 0) return SystemError("chmod " + name);
  if (listen(socket, kBacklog) != 0) return SystemError("listen on " + folder.path + "/" + name);
  return {};
}

std::vector<std::string> Names(const UserFolder& folder) {
  std::vector<std::string> names;
  const int own = openat(folder.fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (own < 0) return names;
  DIR* listing = fdopendir(own);
  if (listing == nullptr) {
    close(own);
    return names;
  }
  while (const dirent* entry = readdir(listing)) names.emplace_back(entry->d_name);
  closedir(listing);
  return names;
}

bool StartsWith(const std::string& name, std::string_view prefix) {
  return std::string_view(name).substr(0, prefix.size()) == prefix;
}

bool IsOld(const UserFolder& folder, const std::string& name) {
  struct stat status;
  if (fstatat(folder.fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
  return time(nullptr) - status.st_ctime > kUnfinishedSeconds;
}

// Removes entries of dead servers under this prefix, and unfinished ones that nobody will finish.
// SUBTLE: an owner that was only stopped finds its rename failing with ENOENT and starts over, so
// age is reason enough.
void SweepPrefix(const UserFolder& folder, const std::string& prefix) {
  int looked_at = 0;
  for (const std::string& name : Names(folder)) {
    if (StartsWith(name, kUnfinished)) {
      if (IsOld(folder, name)) RemoveEntry(folder, name);
    } else if (StartsWith(name, prefix) && looked_at++ < kMaxSwept) {
      if (RefusesConnections(folder, name)) RemoveEntry(folder, name);
    }
  }
}

// "PREFIX-PID-16 HEXADECIMAL DIGITS", with a prefix of EntryPrefix().
std::optional<EntryName> AsEntryName(const std::string& name) {
  constexpr size_t kDigits = 16;
  const auto has_prefix = [&](std::string_view prefix) { return StartsWith(name, prefix); };
  if (!has_prefix("tcp-") && !has_prefix("unix-") && !has_prefix("abstract-") &&
      !has_prefix("name-")) {
    return std::nullopt;
  }
  const size_t unique = name.rfind('-');
  if (name.size() - unique - 1 != kDigits ||
      name.find_first_not_of("0123456789abcdef", unique + 1) != std::string::npos) {
    return std::nullopt;
  }
  const size_t before = name.rfind('-', unique - 1);
  EntryName entry{.name = name};
  const char* const end = name.data() + unique;
  const auto [stopped, error] = std::from_chars(name.data() + before + 1, end, entry.pid);
  if (error != std::errc() || stopped != end || entry.pid <= 0) return std::nullopt;
  return entry;
}

}  // namespace

Result<Entry> MakeEntry(std::shared_ptr<UserFolder> folder, const std::string& prefix) {
  SweepPrefix(*folder, prefix);
  SweepAsServer(folder);
  for (int attempt = 0; attempt < 3; ++attempt) {
    Entry entry;
    entry.listener =
        Aside(UniqueFd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)));
    if (!entry.listener.valid()) return SystemError("socket AF_UNIX");
    const std::string unique = UniquePart();
    const std::string unfinished = std::string(kUnfinished) + unique;
    if (Status bound = Bind(entry.listener.get(), *folder, unfinished); !bound) {
      RemoveEntry(*folder, unfinished);
      return bound.error();
    }
    entry.name = prefix + unique;
    const int at = folder->fd.get();
    if (renameat(at, unfinished.c_str(), at, entry.name.c_str()) == 0) {
      entry.folder = std::move(folder);
      return entry;
    }
    if (errno != ENOENT) return SystemError("rename " + folder->path + "/" + unfinished);
  }
  return Error{ErrorCode::kSystem, ENOENT, "make an entry in " + folder->path};
}

bool RemoveEntry(const UserFolder& folder, const std::string& name) {
  return unlinkat(folder.fd.get(), name.c_str(), 0) == 0;
}

std::vector<EntryName> ListEntryNames(const UserFolder& folder) {
  std::vector<EntryName> out;
  for (const std::string& name : Names(folder)) {
    if (auto entry = AsEntryName(name)) out.push_back(*std::move(entry));
  }
  return out;
}

bool RefusesConnections(const UserFolder& folder, const std::string& name) {
  // A file that is no socket refuses as well, and is nobody's entry.
  struct stat status;
  if (fstatat(folder.fd.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return false;
  if (!S_ISSOCK(status.st_mode)) return false;
  const UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return false;
  const sockaddr_un address = AddressIn(folder, name);
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 &&
         errno == ECONNREFUSED;
}

Result<UniqueFd> ConnectEntry(const Candidate& candidate, std::chrono::milliseconds timeout) {
  const std::string what = "connect " + candidate.folder->path + "/" + candidate.name;
  UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return SystemError("socket AF_UNIX");
  // A zero timeout would mean "for ever".
  const auto bound = std::max<std::chrono::microseconds>(timeout, std::chrono::milliseconds(1));
  const timeval wait = {bound.count() / 1000000, bound.count() % 1000000};
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
  const sockaddr_un address = AddressIn(*candidate.folder, candidate.name);
  int code = 0;
  do {
    code = connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0
               ? 0
               : errno;
  } while (code == EINTR);
  switch (code) {
    case 0:
      return fd;
    case ENOENT:
      return Error{ErrorCode::kNotFound, code, what};
    case ECONNREFUSED:
      return Error{ErrorCode::kClosed, code, what};
    case EAGAIN:
      return Error{ErrorCode::kTimeout, code, what};
    default:
      return SystemError(what, code);
  }
}

void RemoveStale(const Candidate& candidate) {
  if (candidate.folder->owner == geteuid() || geteuid() == 0) {
    RemoveEntry(*candidate.folder, candidate.name);
  }
}

}  // namespace samehost::rendezvous
