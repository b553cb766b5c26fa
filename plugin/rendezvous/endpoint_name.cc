#include "plugin/rendezvous/endpoint_name.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace samehost::rendezvous {
namespace {

constexpr std::array<uint8_t, 12> kV4Prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// FNV-1a, 64 bits (RFC draft-eastlake-fnv). A hint only, so it need not withstand an attacker.
class Hash {
 public:
  void Add(const void* data, size_t bytes) {
    const auto* at = static_cast<const uint8_t*>(data);
    for (size_t i = 0; i < bytes; ++i) value_ = (value_ ^ at[i]) * 0x100000001b3u;
  }
  void Add(uint64_t number) { Add(&number, sizeof(number)); }
  std::string Hex() const {
    char text[17];
    snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value_));
    return text;
  }

 private:
  uint64_t value_ = 0xcbf29ce484222325u;
};

FileId Identity(const struct stat& status) { return FileId{status.st_dev, status.st_ino}; }

// The path with a symbolic link at its end followed, as connect() follows it. bind() never follows
// one, so a server's path comes out as it is.
std::string FollowLink(const std::string& path) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return path;
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) != nullptr ? std::string(resolved) : path;
}

Result<Endpoint> PathEndpoint(const std::string& given) {
  const std::string path = FollowLink(given);
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  Endpoint endpoint{.kind = EndpointKind::kUnixPath};
  endpoint.name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (endpoint.name.empty() || endpoint.name == "." || endpoint.name == "..") {
    return SystemError("unix socket path " + given, EINVAL);
  }
  struct stat status;
  if (stat(folder.c_str(), &status) != 0) return SystemError("stat " + folder);
  endpoint.folder = Identity(status);
  return endpoint;
}

std::string AbstractName(const Address& address) {
  const auto& path = reinterpret_cast<const sockaddr_un&>(address.storage).sun_path;
  const size_t bytes = address.length - offsetof(sockaddr_un, sun_path);
  return std::string(path + 1, std::min(bytes, sizeof(path)) - 1);
}

// A name stands behind the family AF_UNSPEC, which is no socket's.
constexpr size_t kNameOffset = offsetof(sockaddr_un, sun_path);

std::string NameOf(const Address& address) {
  const auto* bytes = reinterpret_cast<const char*>(&address.storage);
  if (address.storage.ss_family != AF_UNSPEC || address.length <= kNameOffset ||
      address.length > sizeof(sockaddr_un)) {
    return "";
  }
  return std::string(bytes + kNameOffset, address.length - kNameOffset);
}

bool IsUnixNamed(const Address& address) {
  return address.length > offsetof(sockaddr_un, sun_path) && address.length <= sizeof(sockaddr_un);
}

std::string IpText(const IpEndpoint& endpoint) {
  char text[INET6_ADDRSTRLEN] = {};
  if (endpoint.is_v4()) {
    inet_ntop(AF_INET, endpoint.ip.data() + kV4Prefix.size(), text, sizeof(text));
    return text;
  }
  inet_ntop(AF_INET6, endpoint.ip.data(), text, sizeof(text));
  std::string scope = endpoint.scope != 0 ? "%" + std::to_string(endpoint.scope) : "";
  return "[" + std::string(text) + scope + "]";
}

}  // namespace

bool IpEndpoint::is_v4() const {
  return std::equal(kV4Prefix.begin(), kV4Prefix.end(), ip.begin());
}

bool IpEndpoint::is_wildcard() const {
  const auto begin = is_v4() ? ip.begin() + kV4Prefix.size() : ip.begin();
  return std::all_of(begin, ip.end(), [](uint8_t byte) { return byte == 0; });
}

bool IpEndpoint::is_loopback() const {
  if (is_v4()) return ip[12] == 127;
  return ip[15] == 1 &&
         std::all_of(ip.begin(), ip.end() - 1, [](uint8_t byte) { return byte == 0; });
}

IpEndpoint ToIpEndpoint(const sockaddr_storage& address) {
  IpEndpoint endpoint;
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    std::copy(kV4Prefix.begin(), kV4Prefix.end(), endpoint.ip.begin());
    memcpy(endpoint.ip.data() + kV4Prefix.size(), &v4.sin_addr, sizeof(v4.sin_addr));
    endpoint.port = ntohs(v4.sin_port);
  } else {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    memcpy(endpoint.ip.data(), &v6.sin6_addr, sizeof(v6.sin6_addr));
    endpoint.port = ntohs(v6.sin6_port);
    if (IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr)) endpoint.scope = v6.sin6_scope_id;
  }
  return endpoint;
}

sockaddr_storage ToSockaddr(const IpEndpoint& endpoint, socklen_t* length) {
  sockaddr_storage storage = {};
  if (endpoint.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    memcpy(&v4.sin_addr, endpoint.ip.data() + kV4Prefix.size(), sizeof(v4.sin_addr));
    *length = sizeof(v4);
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    v6.sin6_scope_id = endpoint.scope;
    memcpy(&v6.sin6_addr, endpoint.ip.data(), sizeof(v6.sin6_addr));
    *length = sizeof(v6);
  }
  return storage;
}

std::string UnixPath(const Address& address) {
  if (address.storage.ss_family != AF_UNIX || !IsUnixNamed(address)) return "";
  const auto& path = reinterpret_cast<const sockaddr_un&>(address.storage).sun_path;
  // The path may fill sun_path to the brim, without a zero at its end.
  return std::string(path, strnlen(path, address.length - offsetof(sockaddr_un, sun_path)));
}

FileId SocketFile(const Address& address) {
  const std::string path = UnixPath(address);
  struct stat status;
  if (path.empty() || stat(path.c_str(), &status) != 0) return {};
  return Identity(status);
}

Address NamedAddress(const std::string& name) {
  Address address;
  address.storage.ss_family = AF_UNSPEC;
  const size_t bytes = std::min<size_t>(name.size(), 100);
  memcpy(reinterpret_cast<char*>(&address.storage) + kNameOffset, name.data(), bytes);
  address.length = static_cast<socklen_t>(kNameOffset + bytes);
  return address;
}

Result<Endpoint> ToEndpoint(const Address& address) {
  const auto family = address.storage.ss_family;
  if (family == AF_INET && address.length >= sizeof(sockaddr_in)) {
    return Endpoint{.kind = EndpointKind::kTcp, .tcp = ToIpEndpoint(address.storage)};
  }
  if (family == AF_INET6 && address.length >= sizeof(sockaddr_in6)) {
    return Endpoint{.kind = EndpointKind::kTcp, .tcp = ToIpEndpoint(address.storage)};
  }
  if (family == AF_UNIX && IsUnixNamed(address)) {
    const std::string path = UnixPath(address);
    if (!path.empty()) return PathEndpoint(path);
    return Endpoint{.kind = EndpointKind::kUnixAbstract, .name = AbstractName(address)};
  }
  if (std::string name = NameOf(address); !name.empty()) {
    return Endpoint{.kind = EndpointKind::kName, .name = std::move(name)};
  }
  return SystemError("address of family " + std::to_string(family), EAFNOSUPPORT);
}

Endpoint AsTarget(Endpoint endpoint) {
  if (endpoint.kind != EndpointKind::kTcp || !endpoint.tcp.is_wildcard()) return endpoint;
  if (endpoint.tcp.is_v4()) endpoint.tcp.ip[12] = 127;
  endpoint.tcp.ip[15] = 1;
  return endpoint;
}

bool Covers(const Endpoint& announced, const Endpoint& target) {
  if (announced.kind != target.kind) return false;
  if (announced.kind != EndpointKind::kTcp) return announced == target;
  if (announced.tcp.port != target.tcp.port || target.tcp.port == 0) return false;
  return announced.tcp.is_wildcard() || announced.tcp == target.tcp;
}

std::string EntryPrefix(const Endpoint& endpoint, const FileId& netns) {
  if (endpoint.kind == EndpointKind::kTcp) return "tcp-" + std::to_string(endpoint.tcp.port) + "-";
  const bool abstract = endpoint.kind == EndpointKind::kUnixAbstract;
  const FileId& place = abstract ? netns : endpoint.folder;  // zeros for a name
  Hash hash;
  hash.Add(place.device);
  hash.Add(place.inode);
  hash.Add(endpoint.name.data(), endpoint.name.size());
  const bool is_name = endpoint.kind == EndpointKind::kName;
  return (abstract ? "abstract-" : is_name ? "name-" : "unix-") + hash.Hex() + "-";
}

FileId CurrentNetns() {
  struct stat status;
  if (stat("/proc/thread-self/ns/net", &status) != 0) return {};
  return Identity(status);
}

std::string ToString(const Address& address) {
  const auto family = address.storage.ss_family;
  if (family == AF_INET || family == AF_INET6) {
    const IpEndpoint endpoint = ToIpEndpoint(address.storage);
    return IpText(endpoint) + ":" + std::to_string(endpoint.port);
  }
  if (const std::string name = NameOf(address); !name.empty()) return "name:" + name;
  if (family != AF_UNIX || !IsUnixNamed(address)) return "unknown address";
  const std::string path = UnixPath(address);
  return path.empty() ? "unix-abstract:" + AbstractName(address) : "unix:" + path;
}

}  // namespace samehost::rendezvous
