#include "plugin/rendezvous/kernel_query.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>

#include "plugin/base/unique_fd.h"
#include "plugin/rendezvous/proc_net_tcp.h"

namespace samehost::rendezvous {
namespace {

// One answer: type, and what follows the header. kernel answers here are some hundred bytes.
struct Reply {
  uint16_t type = 0;
  std::string body;

  // Copies a structure out of the body at `at`; false when the body is too short.
  template <typename T>
  bool Read(size_t at, T* out) const {
    if (body.size() < at + sizeof(T)) return false;
    memcpy(out, body.data() + at, sizeof(T));
    return true;
  }
};

template <typename T>
std::string Bytes(const T& value) {
  return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
}

Error BadAnswer() { return Error{ErrorCode::kSystem, EBADMSG, "netlink answer"}; }

// Sends one request and reads its answer. An answer that is an error becomes kSystem with its
// errno.
Result<Reply> Ask(int family, uint16_t type, uint16_t flags, const std::string& body) {
  nlmsghdr header = {};
  header.nlmsg_len = static_cast<uint32_t>(sizeof(header) + body.size());
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  const std::string request = Bytes(header) + body;
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, family));
  if (!socket.valid()) {
    const bool missing = errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT || errno == EPERM;
    if (missing) return Error{ErrorCode::kUnsupported, errno, "socket AF_NETLINK"};
    return SystemError("socket AF_NETLINK");
  }
  if (send(socket.get(), request.data(), request.size(), 0) < 0)
    return SystemError("netlink request");
  // The kernel answers within send(), so there is nothing to wait for.
  char buffer[4096];
  const ssize_t got = recv(socket.get(), buffer, sizeof(buffer), 0);
  if (got < 0) return SystemError("netlink answer");
  if (static_cast<size_t>(got) < sizeof(header)) return BadAnswer();
  memcpy(&header, buffer, sizeof(header));
  if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > static_cast<size_t>(got))
    return BadAnswer();
  Reply reply{header.nlmsg_type,
              std::string(buffer + sizeof(header), header.nlmsg_len - sizeof(header))};
  int32_t code = 0;
  const bool carries_code = reply.type == NLMSG_ERROR || reply.type == NLMSG_DONE;
  if (carries_code && reply.Read(0, &code) && code != 0) {
    return Error{ErrorCode::kSystem, -code, "netlink request"};
  }
  return reply;
}

inet_diag_req_v2 ListenerRequest(const IpEndpoint& target) {
  inet_diag_req_v2 request = {};
  request.sdiag_family = target.is_v4() ? AF_INET : AF_INET6;
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = ~0u;
  request.id.idiag_sport = htons(target.port);
  // Remote port 0: no established connection can have it, so the answer is a listener.
  request.id.idiag_dport = 0;
  const size_t skip = target.is_v4() ? 12 : 0;
  memcpy(request.id.idiag_src, target.ip.data() + skip, target.ip.size() - skip);
  memcpy(request.id.idiag_dst, target.ip.data() + skip, target.ip.size() - skip);
  request.id.idiag_if = target.scope;
  request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return request;
}

IpEndpoint BoundAddress(const inet_diag_msg& message) {
  sockaddr_storage storage = {};
  if (message.idiag_family == AF_INET) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
    v4.sin_family = AF_INET;
    v4.sin_port = message.id.idiag_sport;
    memcpy(&v4.sin_addr, message.id.idiag_src, sizeof(v4.sin_addr));
  } else {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = message.id.idiag_sport;
    v6.sin6_scope_id = message.id.idiag_if;
    memcpy(&v6.sin6_addr, message.id.idiag_src, sizeof(v6.sin6_addr));
  }
  return ToIpEndpoint(storage);
}

// Whether this address is this machine's, without netlink: only then can it be bound, unless the
// administrator allows foreign ones.
Result<bool> CanBind(const IpEndpoint& address) {
  const char* setting = address.is_v4() ? "/proc/sys/net/ipv4/ip_nonlocal_bind"
                                        : "/proc/sys/net/ipv6/ip_nonlocal_bind";
  UniqueFd file(open(setting, O_RDONLY | O_CLOEXEC));
  char foreign_allowed = '0';
  if (file.valid() && read(file.get(), &foreign_allowed, 1) == 1 && foreign_allowed != '0') {
    return Error{ErrorCode::kUnsupported, 0, "look up a route"};
  }
  IpEndpoint any_port = address;
  any_port.port = 0;
  socklen_t length = 0;
  const sockaddr_storage name = ToSockaddr(any_port, &length);
  UniqueFd socket(::socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return SystemError("socket");
  return bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), length) == 0;
}

// ENOENT says "no such socket" and also "nobody here can look for sockets". A listing of no
// state at all tells the two apart.
bool CanLookUpTcp() {
  inet_diag_req_v2 request = {};
  request.sdiag_family = AF_INET;
  request.sdiag_protocol = IPPROTO_TCP;
  return Ask(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, Bytes(request)).ok();
}

}  // namespace

Result<bool> IsLocalAddress(const IpEndpoint& address) {
  if (address.is_loopback()) return true;
  const std::string ip(address.ip.begin() + (address.is_v4() ? 12 : 0), address.ip.end());
  rtmsg route = {};
  route.rtm_family = address.is_v4() ? AF_INET : AF_INET6;
  route.rtm_dst_len = static_cast<uint8_t>(ip.size() * 8);
  const rtattr destination = {static_cast<uint16_t>(RTA_LENGTH(ip.size())), RTA_DST};
  std::string request = Bytes(route) + Bytes(destination) + ip;
  if (address.scope != 0) {
    const rtattr interface = {static_cast<uint16_t>(RTA_LENGTH(sizeof(address.scope))), RTA_OIF};
    request += Bytes(interface) + Bytes(address.scope);
  }
  auto reply = Ask(NETLINK_ROUTE, RTM_GETROUTE, 0, request);
  if (!reply) {
    if (reply.error().code == ErrorCode::kUnsupported) return CanBind(address);
    const int code = reply.error().sys_errno;
    // No route leads there: not here, in any case.
    if (code == ENETUNREACH || code == EHOSTUNREACH || code == EACCES || code == EINVAL)
      return false;
    return reply.error();
  }
  if (reply->type != RTM_NEWROUTE || !reply->Read(0, &route)) return BadAnswer();
  return route.rtm_type == RTN_LOCAL;
}

Result<std::optional<TcpListener>> FindTcpListener(const IpEndpoint& target) {
  auto reply = Ask(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, 0, Bytes(ListenerRequest(target)));
  if (!reply) {
    const bool unsupported = reply.error().code == ErrorCode::kUnsupported;
    if (!unsupported && reply.error().sys_errno != ENOENT) return reply.error();
    if (!unsupported && CanLookUpTcp()) return std::optional<TcpListener>();
    return FindTcpListenerInProc(target);
  }
  inet_diag_msg message = {};
  if (!reply->Read(0, &message)) return BadAnswer();
  constexpr uint8_t kListen = TCP_LISTEN;
  if (message.idiag_state != kListen) return std::optional<TcpListener>();
  return std::optional<TcpListener>(
      TcpListener{message.idiag_family, BoundAddress(message), message.idiag_inode});
}

Result<BoundFile> FindBoundFile(uint32_t socket_inode) {
  unix_diag_req request = {};
  request.sdiag_family = AF_UNIX;
  request.udiag_states = ~0u;
  request.udiag_ino = socket_inode;
  request.udiag_show = UDIAG_SHOW_VFS;
  request.udiag_cookie[0] = INET_DIAG_NOCOOKIE;
  request.udiag_cookie[1] = INET_DIAG_NOCOOKIE;
  auto reply = Ask(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, 0, Bytes(request));
  if (!reply) return reply.error();
  for (size_t at = sizeof(unix_diag_msg); at < reply->body.size();) {
    rtattr attribute = {};
    if (!reply->Read(at, &attribute) || attribute.rta_len < sizeof(attribute)) break;
    unix_diag_vfs file = {};
    if (attribute.rta_type == UNIX_DIAG_VFS && reply->Read(at + sizeof(attribute), &file)) {
      // The kernel's own device number: 12 bits of major, 20 bits of minor.
      return BoundFile{file.udiag_vfs_ino, file.udiag_vfs_dev >> 20, file.udiag_vfs_dev & 0xfffff};
    }
    at += RTA_ALIGN(attribute.rta_len);
  }
  return BadAnswer();
}

}  // namespace samehost::rendezvous
