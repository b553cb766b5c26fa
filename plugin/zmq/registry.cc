#include "plugin/zmq/registry.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>

#include "ipc_address.hpp"
#include "plugin/base/unique_fd.h"
#include "plugin/rendezvous/directory.h"
#include "plugin/zmq/settings.h"

namespace samehost::zmq_transport {
namespace {

constexpr char kProtocol[] = "shm";
constexpr char kPrefix[] = "zmq-";
constexpr char kLockName[] = ".zmq-lock";
constexpr size_t kMaxName = 64;

// Socket files that stand for names, as this process knows them. Never destroyed.
struct Known {
  std::mutex mutex;
  std::map<std::string, std::string> names;  // by path
};
Known& KnownPaths() {
  static Known* known = new Known;
  return *known;
}

int Fail(int code) {
  errno = code;
  return -1;
}

bool ValidName(const std::string& name) {
  return !name.empty() && name.size() <= kMaxName &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
         });
}

std::string MadeUpName() {
  uint64_t random = 0;
  (void)!getrandom(&random, sizeof(random), 0);
  char text[48];
  snprintf(text, sizeof(text), "%d-%016llx", getpid(), static_cast<unsigned long long>(random));
  return text;
}

std::string Remember(const rendezvous::UserFolder& folder, const std::string& name) {
  std::string path = folder.path + "/" + kPrefix + name;
  Known& known = KnownPaths();
  std::lock_guard lock(known.mutex);
  known.names[path] = name;
  return path;
}

std::string NameOfPath(const std::string& path) {
  Known& known = KnownPaths();
  std::lock_guard lock(known.mutex);
  const auto found = known.names.find(path);
  return found == known.names.end() ? "" : found->second;
}

bool Exists(const std::string& path) {
  struct stat status;
  return lstat(path.c_str(), &status) == 0;
}

// Whether somebody listens on this socket file.
bool Answers(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.valid()) return true;  // better too careful
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return true;
  }
  return errno != ECONNREFUSED && errno != ENOENT;
}

int ErrorOf(const Error& error) { return error.sys_errno != 0 ? error.sys_errno : EACCES; }

// Where a client finds the name now, or would.
int PathForConnect(const std::string& name, std::string* path) {
  const auto folders = rendezvous::FindOwnFolders(RendezvousOptions().directory);
  for (const auto& folder : folders) {
    *path = Remember(*folder, name);
    if (Exists(*path)) return 0;
  }
  if (!folders.empty()) {
    *path = Remember(*folders.front(), name);
    return 0;
  }
  const auto own = rendezvous::OpenOwnFolder(RendezvousOptions().directory);
  if (!own) return Fail(ErrorOf(own.error()));
  *path = Remember(**own, name);
  return 0;
}

std::string PathOf(const sockaddr* address, socklen_t length) {
  constexpr size_t kOffset = offsetof(sockaddr_un, sun_path);
  if (address->sa_family != AF_UNIX || length <= kOffset) return "";
  const char* path = reinterpret_cast<const sockaddr_un*>(address)->sun_path;
  return std::string(path, strnlen(path, length - kOffset));
}

}  // namespace

ShmBinding::~ShmBinding() {
  if (lock_ >= 0) close(lock_);
}

int ShmBinding::Resolve(std::string* protocol, std::string* address) {
  if (*protocol != kProtocol) return 0;
  const bool wildcard = *address == "*";
  const std::string name = wildcard ? MadeUpName() : *address;
  if (!ValidName(name)) return Fail(EINVAL);
  const auto folder = rendezvous::OpenOwnFolder(RendezvousOptions().directory);
  if (!folder) return Fail(ErrorOf(folder.error()));
  // Between looking and binding nobody else may do the same. The lock ends with the process.
  lock_ = openat((*folder)->fd.get(), kLockName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_ < 0) return -1;
  while (flock(lock_, LOCK_EX) != 0) {
    if (errno != EINTR) return -1;
  }
  const std::string path = Remember(**folder, name);
  if (Exists(path) && Answers(path)) return Fail(EADDRINUSE);
  *protocol = "ipc";
  *address = path;
  return 0;
}

int ResolveShm(std::string* protocol, std::string* address) {
  if (*protocol != kProtocol) return 0;
  if (!ValidName(*address)) return Fail(EINVAL);
  std::string path;
  if (PathForConnect(*address, &path) != 0) return -1;
  *protocol = "ipc";
  *address = path;
  return 0;
}

void RefreshShm(zmq::ipc_address_t* address) {
  const std::string name = NameOfPath(PathOf(address->addr(), address->addrlen()));
  std::string path;
  if (!name.empty() && PathForConnect(name, &path) == 0) address->resolve(path.c_str());
}

std::string ShmUri(const sockaddr* address, socklen_t length) {
  const std::string name = NameOfPath(PathOf(address, length));
  return name.empty() ? "" : std::string(kProtocol) + "://" + name;
}

void RemoveShm(const std::string& path) {
  // As long as this process listens there, the file is its own.
  if (!path.empty() && !NameOfPath(path).empty()) unlink(path.c_str());
}

}  // namespace samehost::zmq_transport
