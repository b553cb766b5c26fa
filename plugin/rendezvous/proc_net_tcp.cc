#include "plugin/rendezvous/proc_net_tcp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace samehost::rendezvous {
namespace {

// How close a listener is to the target; 0: it does not serve it.
int Closeness(const TcpListener& listener, const IpEndpoint& target) {
  if (listener.address.port != target.port) return 0;
  if (listener.address.ip == target.ip) return 3;
  if (!listener.address.is_wildcard()) return 0;
  if (listener.family == AF_INET) return target.is_v4() ? 2 : 0;
  return 1;
}

}  // namespace

std::optional<TcpListener> ParseListener(const std::string& line, int family) {
  // "0: 0100007F:1F90 00000000:0000 0A tx:rx tr:when retrnsmt uid timeout inode ..."; each 32-bit
  // word of an address is the machine's own number of the bytes in network order.
  char hex[33] = {};
  unsigned port = 0;
  unsigned state = 0;
  unsigned long inode = 0;
  const int fields = sscanf(
      line.c_str(), " %*d: %32[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %lu",
      hex, &port, &state, &inode);
  const size_t words = family == AF_INET ? 1 : 4;
  if (fields != 4 || state != TCP_LISTEN || strlen(hex) != words * 8 || port > 0xffff)
    return std::nullopt;
  uint32_t address[4] = {};
  for (size_t i = 0; i < words; ++i) {
    if (sscanf(hex + i * 8, "%8x", &address[i]) != 1) return std::nullopt;
  }
  sockaddr_storage storage = {};
  storage.ss_family = static_cast<sa_family_t>(family);
  if (family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_port = htons(static_cast<uint16_t>(port));
    memcpy(&v4.sin_addr, address, sizeof(v4.sin_addr));
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_port = htons(static_cast<uint16_t>(port));
    memcpy(&v6.sin6_addr, address, sizeof(v6.sin6_addr));
  }
  return TcpListener{family, ToIpEndpoint(storage), static_cast<uint32_t>(inode)};
}

Result<std::optional<TcpListener>> FindTcpListenerInProc(const IpEndpoint& target) {
  std::optional<TcpListener> best;
  int closest = 0;
  bool readable = false;
  for (const int family : {AF_INET, AF_INET6}) {
    std::ifstream list(family == AF_INET ? "/proc/thread-self/net/tcp"
                                         : "/proc/thread-self/net/tcp6");
    // A shortage passes; it does not make this kernel one that cannot be asked.
    const bool is_short = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
    if (!list.is_open() && is_short) return SystemError("open /proc/net/tcp");
    std::string line;
    readable = static_cast<bool>(std::getline(list, line)) || readable;  // the heading
    // Listeners come first in the list.
    for (std::optional<TcpListener> listener; std::getline(list, line);) {
      if (!(listener = ParseListener(line, family))) break;
      const int closeness = Closeness(*listener, target);
      if (closeness <= closest) continue;
      closest = closeness;
      best = listener;
    }
  }
  if (!readable) return Error{ErrorCode::kUnsupported, 0, "read /proc/net/tcp"};
  return best;
}

}  // namespace samehost::rendezvous
