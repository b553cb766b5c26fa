#include "plugin/rendezvous/listener_check.h"

#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>

#include "plugin/base/unique_fd.h"
#include "plugin/rendezvous/kernel_query.h"
#include "plugin/rendezvous/peer.h"

namespace samehost::rendezvous {
namespace {

// From <asm-generic/socket.h> of Linux 5.14.
constexpr int kSoNetnsCookie = 71;

// The first of this process's descriptors that `matches`, or -1. Other threads open and close
// descriptors meanwhile; `matches` only reads, so a number that changes hands does no harm.
Result<int> FindDescriptor(const std::function<bool(int)>& matches) {
  std::unique_ptr<DIR, int (*)(DIR*)> listing(opendir("/proc/self/fd"), &closedir);
  if (listing == nullptr) return SystemError("open /proc/self/fd");
  while (const dirent* entry = readdir(listing.get())) {
    if (entry->d_name[0] == '.') continue;
    const int fd = atoi(entry->d_name);
    if (fd != dirfd(listing.get()) && matches(fd)) return fd;
  }
  return -1;
}

// As FindDescriptor, but the cached descriptor goes first.
Result<int> FindCached(ListenerCache* cache, const std::function<bool(int)>& matches) {
  if (cache->fd >= 0 && matches(cache->fd)) return cache->fd;
  auto found = FindDescriptor(matches);
  if (found) cache->fd = *found;
  return found;
}

std::optional<int> IntOption(int fd, int option) {
  int value = 0;
  socklen_t bytes = sizeof(value);
  if (getsockopt(fd, SOL_SOCKET, option, &value, &bytes) != 0) return std::nullopt;
  return value;
}

bool IsListening(int fd) { return IntOption(fd, SO_ACCEPTCONN).value_or(0) == 1; }

std::optional<uint64_t> NetnsCookie(int fd) {
  uint64_t cookie = 0;
  socklen_t bytes = sizeof(cookie);
  if (getsockopt(fd, SOL_SOCKET, kSoNetnsCookie, &cookie, &bytes) != 0) return std::nullopt;
  return cookie;
}

// The cookie of the calling thread's network namespace.
std::optional<uint64_t> OwnNetnsCookie() {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return NetnsCookie(socket.get());
}

// statx and not fstat: ThreadSanitizer takes the latter for a use of a descriptor that another
// thread may be closing, which it is, and which is harmless here.
uint64_t Inode(int fd) {
  struct statx status;
  return statx(fd, "", AT_EMPTY_PATH, STATX_INO, &status) == 0 ? status.stx_ino : 0;
}

Address LocalName(int fd) {
  Address address;
  address.length = sizeof(address.storage);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0)
    return {};
  return address;
}

// The address that a TCP socket is bound to; nothing for any other descriptor.
std::optional<IpEndpoint> TcpLocalName(int fd) {
  const Address address = LocalName(fd);
  const auto family = address.storage.ss_family;
  if (family != AF_INET && family != AF_INET6) return std::nullopt;
  if (IntOption(fd, SO_TYPE) != SOCK_STREAM) return std::nullopt;
  return ToIpEndpoint(address.storage);
}

// Whether nothing but the address decides who reaches the socket: not bound to one interface, and
// not closed to IPv4 when the target is one.
bool IsForEverybody(int fd, const IpEndpoint& target) {
  char interface[IFNAMSIZ] = {};
  socklen_t bytes = sizeof(interface);
  if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, &bytes) == 0 && bytes > 0)
    return false;
  int v6_only = 0;
  bytes = sizeof(v6_only);
  const bool v6 = getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, &bytes) == 0;
  return !v6 || v6_only == 0 || !target.is_v4();
}

// Whether `fd` is `listener`, or shares its address with it (SO_REUSEPORT, where the kernel picks
// one of several for each connection: any of them is the right one).
bool IsOrShares(int fd, const TcpListener& listener, const IpEndpoint& target) {
  if (!IsListening(fd) || !IsForEverybody(fd, target)) return false;
  if (Inode(fd) == listener.inode) return true;
  const auto address = TcpLocalName(fd);
  if (!address || *address != listener.address) return false;
  if (LocalName(fd).storage.ss_family != listener.family) return false;
  // Equal addresses exist in every network namespace; where the kernel cannot say which one this
  // socket is in (before 5.14), it does not count.
  const auto cookie = NetnsCookie(fd);
  return IntOption(fd, SO_REUSEPORT).value_or(0) == 1 && cookie && cookie == OwnNetnsCookie();
}

bool ListensOnPort(int fd, uint16_t port) {
  if (!IsListening(fd)) return false;
  const auto address = TcpLocalName(fd);
  return address && address->port == port;
}

std::string LastPart(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool IsListeningUnix(int fd, const std::string& file_name) {
  return IsListening(fd) && LastPart(UnixPath(LocalName(fd))) == file_name;
}

bool IsBoundTo(int fd, const struct stat& file) {
  const auto bound = FindBoundFile(static_cast<uint32_t>(Inode(fd)));
  return bound && bound->inode_low == static_cast<uint32_t>(file.st_ino) &&
         bound->device_major == major(file.st_dev) && bound->device_minor == minor(file.st_dev);
}

// For kernels that do not tell the file of a socket, and file systems whose device numbers differ
// inside the kernel: connect to the file and see who called listen(). Costs the stock server one
// connection that ends at once.
bool LeadsHere(int folder, const std::string& name) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const int bytes = snprintf(address.sun_path, sizeof(address.sun_path),
                             "/proc/thread-self/fd/%d/%s", folder, name.c_str());
  if (!socket.valid() || bytes >= static_cast<int>(sizeof(address.sun_path))) return false;
  if (connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0)
    return false;
  const auto peer = ReadPeerIdentity(socket.get());
  return peer && peer->pid == getpid();
}

}  // namespace

Result<Listening> CheckTcpListener(const IpEndpoint& target, ListenerCache* cache) {
  const auto listener = FindTcpListener(target);
  if (!listener) return listener.error();
  if (*listener) {
    const auto matches = [&](int fd) { return IsOrShares(fd, **listener, target); };
    const auto found = FindCached(cache, matches);
    if (!found) return found.error();
    if (*found >= 0) return Listening::kOurs;
  }
  const auto tried = FindDescriptor([&](int fd) { return ListensOnPort(fd, target.port); });
  if (!tried) return tried.error();
  return *tried >= 0 && *listener ? Listening::kOthers : Listening::kNotYet;
}

Result<Listening> CheckUnixListener(int folder, const std::string& name, const FileId& file,
                                    ListenerCache* cache) {
  struct stat status;
  if (fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return Listening::kNotYet;
  // The client looked a moment before; a file that was made since then is for its next attempt.
  if (FileId{status.st_dev, status.st_ino} != file || !S_ISSOCK(status.st_mode)) {
    return Listening::kOthers;
  }
  const auto found =
      FindCached(cache, [&](int fd) { return IsListeningUnix(fd, name) && IsBoundTo(fd, status); });
  if (!found) return found.error();
  if (*found >= 0) return Listening::kOurs;
  const auto tried = FindDescriptor([&](int fd) { return IsListeningUnix(fd, name); });
  if (!tried) return tried.error();
  if (*tried < 0) return Listening::kNotYet;
  return LeadsHere(folder, name) ? Listening::kOurs : Listening::kOthers;
}

Result<Listening> CheckAbstractListener(const std::string& name, ListenerCache* cache) {
  const auto here = OwnNetnsCookie();
  const auto found = FindCached(cache, [&](int fd) {
    return IsListening(fd) && ToString(LocalName(fd)) == "unix-abstract:" + name &&
           NetnsCookie(fd) == here;
  });
  if (!found) return found.error();
  return *found >= 0 ? Listening::kOurs : Listening::kNotYet;
}

bool HasConnections(const IpEndpoint& local, const std::vector<IpEndpoint>& connections) {
  std::vector<IpEndpoint> missing = connections;
  if (missing.empty()) return false;
  (void)FindDescriptor([&](int fd) {
    Address peer;
    peer.length = sizeof(peer.storage);
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer.storage), &peer.length) != 0)
      return false;
    if (TcpLocalName(fd) != local) return false;
    std::erase(missing, ToIpEndpoint(peer.storage));
    return missing.empty();
  });
  return missing.empty();
}

}  // namespace samehost::rendezvous
