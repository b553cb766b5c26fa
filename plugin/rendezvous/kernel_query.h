// Questions about addresses and sockets that only the kernel can answer for sure, asked over
// netlink in the calling thread's network namespace. One request and one answer each, some
// microseconds; never blocks. Any thread.
//
// Where netlink or its sock_diag is missing, /proc and bind() are asked instead (proc_net_tcp.h).
// kUnsupported: nothing has an answer; the caller may not guess in favour of a connection.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_KERNEL_QUERY_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_KERNEL_QUERY_H_

#include <cstdint>
#include <optional>

#include "plugin/base/result.h"
#include "plugin/rendezvous/endpoint_name.h"

namespace samehost::rendezvous {

// Whether packets to this address stay in this network namespace (route of type "local").
Result<bool> IsLocalAddress(const IpEndpoint& address);

// A listening TCP socket as the kernel knows it.
struct TcpListener {
  int family = 0;      // AF_INET6 for a dual-stack one that serves an IPv4 target
  IpEndpoint address;  // as bound
  uint32_t inode = 0;  // st_ino of its descriptors
};
// Which listener would get a connection to `target`; nullopt when none would.
Result<std::optional<TcpListener>> FindTcpListener(const IpEndpoint& target);

// The file that the unix socket with this st_ino is bound to. Only the low 32 bits of the inode are
// known.
struct BoundFile {
  uint32_t inode_low = 0;
  uint32_t device_major = 0;
  uint32_t device_minor = 0;
};
Result<BoundFile> FindBoundFile(uint32_t socket_inode);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_KERNEL_QUERY_H_
