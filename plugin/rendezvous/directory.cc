#include "plugin/rendezvous/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "plugin/base/aside.h"
#include "plugin/base/setting.h"
#include "plugin/rendezvous/sweep.h"

namespace samehost::rendezvous {
namespace {

// Bounds on what strangers can make a client look at.
constexpr size_t kMaxStrangerFolders = 256;
constexpr size_t kMaxEntriesOfStranger = 4096;
// A friend's folder is as long as it needs to be; this only ends a loop.
constexpr size_t kMaxEntriesOfFriend = 1 << 20;
constexpr size_t kMaxCandidates = 64;

// A base directory to try. `configured`: the user named it, so nothing else is tried.
struct Base {
  std::string path;
  mode_t make_mode = 0;  // made with this mode where missing; 0: never made
};

std::vector<Base> Bases(const std::string& configured, bool* is_configured) {
  const std::string chosen = configured.empty() ? SettingOr("SAMEHOST_DIR") : configured;
  *is_configured = !chosen.empty();
  const bool root = geteuid() == 0;
  if (*is_configured) return {{chosen, static_cast<mode_t>(root ? 01777 : 0700)}};
  const std::string uid = std::to_string(geteuid());
  std::vector<Base> bases = {{kSystemBase, static_cast<mode_t>(root ? 01777 : 0)}};
  const char* const variable = secure_getenv("XDG_RUNTIME_DIR");
  const std::string runtime = variable != nullptr ? variable : "";
  const std::string usual_runtime = "/run/user/" + uid;
  if (!runtime.empty() && runtime[0] == '/') bases.push_back({runtime + "/samehost", 0700});
  if (runtime != usual_runtime) bases.push_back({usual_runtime + "/samehost", 0700});
  // /tmp and not TMPDIR, which need not be the same for both sides.
  bases.push_back({"/tmp/samehost-" + uid, 0700});
  return bases;
}

Error Refused(const std::string& path, const char* why, int code = 0) {
  return Error{ErrorCode::kRefused, code, path + " is not trusted: " + why};
}

UniqueFd OpenFolder(int at, const std::string& path) {
  return Aside(UniqueFd(openat(at, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)));
}

// What openat says about something that is there but is no folder, or a symbolic link.
Error OpenError(const std::string& path, int code) {
  if (code == ELOOP) return Refused(path, "it is a symbolic link", code);
  if (code == ENOTDIR) return Refused(path, "it is not a directory, or a symbolic link", code);
  if (code == ENOENT) return Error{ErrorCode::kNotFound, code, "open " + path};
  return Error{ErrorCode::kSystem, code, "open " + path};
}

bool IsOwn(uid_t uid) { return uid == geteuid() && uid != OverflowUid(); }

Status CheckBase(int fd, const std::string& path) {
  struct stat status;
  if (fstat(fd, &status) != 0) return SystemError("stat " + path);
  if (status.st_uid != 0 && !IsOwn(status.st_uid)) {
    return Refused(path, "it belongs neither to root nor to this user");
  }
  const bool others_write = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0;
  if (others_write && (status.st_mode & S_ISVTX) == 0) {
    return Refused(path, "others may write to it and it is not sticky");
  }
  return {};
}

Status CheckUserFolder(int fd, const std::string& path, uid_t owner) {
  struct stat status;
  if (fstat(fd, &status) != 0) return SystemError("stat " + path);
  if (owner == OverflowUid()) return Refused(path, "the overflow user owns nothing");
  if (status.st_uid != owner) return Refused(path, "another user owns it");
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return Refused(path, "others may write to it");
  return {};
}

Result<UniqueFd> OpenBase(const Base& base, bool make) {
  UniqueFd fd = OpenFolder(AT_FDCWD, base.path);
  if (!fd.valid() && errno == ENOENT && make && base.make_mode != 0) {
    const bool made = mkdir(base.path.c_str(), 0700) == 0;
    fd = OpenFolder(AT_FDCWD, base.path);
    // Not by mkdir, whose mode the umask cuts.
    if (made && fd.valid() && fchmod(fd.get(), base.make_mode) != 0)
      return SystemError("chmod " + base.path);
  }
  if (!fd.valid()) return OpenError(base.path, errno);
  if (Status trusted = CheckBase(fd.get(), base.path); !trusted) return trusted.error();
  return fd;
}

Result<std::shared_ptr<UserFolder>> OpenUserFolder(int base, const std::string& base_path,
                                                   uid_t owner) {
  const std::string name = std::to_string(owner);
  auto folder = std::make_shared<UserFolder>();
  folder->path = base_path + "/" + name;
  folder->owner = owner;
  folder->fd = OpenFolder(base, name);
  if (!folder->fd.valid()) return OpenError(folder->path, errno);
  if (Status trusted = CheckUserFolder(folder->fd.get(), folder->path, owner); !trusted) {
    return trusted.error();
  }
  return folder;
}

Result<std::shared_ptr<UserFolder>> MakeOwnFolder(const Base& base) {
  auto fd = OpenBase(base, /*make=*/true);
  if (!fd) return fd.error();
  const uid_t uid = geteuid();
  const std::string name = std::to_string(uid);
  const bool made = mkdirat(fd->get(), name.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return SystemError("mkdir " + base.path + "/" + name);
  auto folder = OpenUserFolder(fd->get(), base.path, uid);
  if (!folder || !made) return folder;
  if (fchmod((*folder)->fd.get(), 0755) != 0) return SystemError("chmod " + (*folder)->path);
  return folder;
}

// Whether the next base may be tried: this one is not there, or not for this user to write in.
bool MayTryNext(const Error& error) {
  if (error.code == ErrorCode::kNotFound) return true;
  const int code = error.sys_errno;
  return error.code == ErrorCode::kSystem && (code == EACCES || code == EPERM || code == EROFS);
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.size() <= 10 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return isdigit(c) != 0; });
}

// Calls `visit` with the names in a folder, at most `limit` of them.
template <typename Visit>
Status ForEachName(int fd, size_t limit, Visit visit) {
  // A description of its own, so that its position is its own.
  UniqueFd own(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own.valid()) return SystemError("open a rendezvous folder");
  DIR* listing = fdopendir(own.get());
  if (listing == nullptr) return SystemError("list a rendezvous folder");
  (void)own.Release();
  while (const dirent* entry = readdir(listing)) {
    if (limit-- == 0) break;
    visit(std::string_view(entry->d_name));
  }
  closedir(listing);
  return {};
}

// Whether a server in the folder of this user may be accepted. With groups anybody may, the kernel
// tells once there is a connection.
bool MayAccept(const AccessPolicy& policy, uid_t uid) {
  return AcceptsUser(policy, uid) || (!policy.groups.empty() && uid != OverflowUid());
}

// Keeps what explains an empty listing. What is not there, or not for this user to see, does not.
void Note(const Error& error, Listing* listing) {
  if (error.code == ErrorCode::kRefused) listing->refused.push_back(error);
  const int code = error.sys_errno;
  const bool is_short = code == EMFILE || code == ENFILE || code == ENOMEM;
  if (error.code == ErrorCode::kSystem && is_short) listing->failed.push_back(error);
}

class Search {
 public:
  Search(const std::string& prefix, const AccessPolicy& policy, Listing* listing)
      : prefix_(prefix), policy_(policy), listing_(listing) {}

  void KnownUsers(int base, const std::string& path) {
    std::vector<uid_t> users = {geteuid(), 0};
    users.insert(users.end(), policy_.users.begin(), policy_.users.end());
    std::sort(users.begin(), users.end());
    users.erase(std::unique(users.begin(), users.end()), users.end());
    for (uid_t user : users) {
      if (user != OverflowUid()) Look(base, path, user, &listing_->candidates);
    }
  }

  void OtherUsers(int base, const std::string& path) {
    const Status listed = ForEachName(base, kMaxStrangerFolders, [&](std::string_view name) {
      if (!IsNumber(name)) return;
      const uid_t user = static_cast<uid_t>(strtoul(std::string(name).c_str(), nullptr, 10));
      if (AcceptsUser(policy_, user)) return;
      Look(base, path, user,
           MayAccept(policy_, user) ? &listing_->candidates : &listing_->strangers);
    });
    if (!listed) Note(listed.error(), listing_);
  }

 private:
  void Look(int base, const std::string& path, uid_t user, std::vector<Candidate>* found) {
    auto folder = OpenUserFolder(base, path, user);
    if (!folder) return Note(folder.error(), listing_);
    const size_t limit = AcceptsUser(policy_, user) ? kMaxEntriesOfFriend : kMaxEntriesOfStranger;
    size_t names = 0;
    const Status listed = ForEachName((*folder)->fd.get(), limit, [&](std::string_view name) {
      ++names;
      if (name.substr(0, prefix_.size()) != prefix_ || found->size() >= kMaxCandidates) return;
      found->push_back({*folder, std::string(name)});
    });
    if (IsOwn(user) && names > kCrowdedNames) listing_->crowded.push_back(*folder);
    if (!listed) Note(listed.error(), listing_);
  }

  const std::string& prefix_;
  const AccessPolicy& policy_;
  Listing* listing_;
};

}  // namespace

std::vector<std::string> BaseDirectories(const std::string& configured) {
  bool is_configured = false;
  std::vector<std::string> paths;
  for (const Base& base : Bases(configured, &is_configured)) paths.push_back(base.path);
  return paths;
}

Result<UniqueFd> OpenBaseDirectory(const std::string& path) {
  return OpenBase({path}, /*make=*/false);
}

Result<UniqueFd> MakeBaseDirectory(const std::string& path) {
  return OpenBase({path, static_cast<mode_t>(geteuid() == 0 ? 01777 : 0700)}, /*make=*/true);
}

Result<std::shared_ptr<UserFolder>> OpenOwnFolder(const std::string& configured) {
  if (geteuid() == OverflowUid()) return Refused("the overflow user", "it is nobody in particular");
  bool is_configured = false;
  Error last;
  for (const Base& base : Bases(configured, &is_configured)) {
    auto folder = MakeOwnFolder(base);
    if (folder || is_configured || !MayTryNext(folder.error())) return folder;
    last = folder.error();
  }
  return last;
}

std::vector<std::shared_ptr<UserFolder>> FindOwnFolders(const std::string& configured) {
  std::vector<std::shared_ptr<UserFolder>> folders;
  bool is_configured = false;
  for (const Base& base : Bases(configured, &is_configured)) {
    auto fd = OpenBase(base, /*make=*/false);
    if (!fd || geteuid() == OverflowUid()) continue;
    if (auto folder = OpenUserFolder(fd->get(), base.path, geteuid())) folders.push_back(*folder);
  }
  return folders;
}

Listing FindEntries(const std::string& configured, const std::string& prefix,
                    const AccessPolicy& policy) {
  Listing listing;
  Search search(prefix, policy, &listing);
  std::vector<std::pair<UniqueFd, std::string>> opened;
  bool is_configured = false;
  for (const Base& base : Bases(configured, &is_configured)) {
    listing.wanted.push_back(base.path);
    auto fd = OpenBase(base, /*make=*/false);
    if (fd) {
      search.KnownUsers(fd->get(), base.path);
      listing.bases.push_back(base.path);
      opened.emplace_back(*std::move(fd), base.path);
    } else {
      Note(fd.error(), &listing);
    }
  }
  listing.any_base = !opened.empty();
  if (!listing.candidates.empty() && policy.groups.empty()) return listing;
  for (const auto& [fd, path] : opened) search.OtherUsers(fd.get(), path);
  return listing;
}

}  // namespace samehost::rendezvous
