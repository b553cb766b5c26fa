// The listening TCP sockets of this network namespace as /proc lists them: for processes that may
// not open netlink sockets (RestrictAddressFamilies= in a systemd unit) and kernels without
// inet_diag. Costs a pass over all listeners. Any thread.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_PROC_NET_TCP_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_PROC_NET_TCP_H_

#include <optional>
#include <string>

#include "plugin/base/result.h"
#include "plugin/rendezvous/kernel_query.h"

namespace samehost::rendezvous {

// As FindTcpListener(), by the kernel's rule: the exact address, else the IPv4 wildcard, else the
// IPv6 one. The list does not show IPV6_V6ONLY nor SO_BINDTODEVICE; the caller must look at those
// of its own socket.
Result<std::optional<TcpListener>> FindTcpListenerInProc(const IpEndpoint& target);

// One line of /proc/net/tcp or tcp6; nothing unless it is a listener.
std::optional<TcpListener> ParseListener(const std::string& line, int family);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_PROC_NET_TCP_H_
