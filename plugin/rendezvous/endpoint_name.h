// Endpoint: what a socket address means on this machine, in a form that two processes can compare:
// an IP address in its IPv6 form and a port; or the folder (device and inode) and the name of a
// socket file; or the name of an abstract socket.
//
// Plain values, no owner, any thread. Making one of a path looks at the file system and can fail.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_ENDPOINT_NAME_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_ENDPOINT_NAME_H_

#include <array>
#include <cstdint>
#include <string>

#include "plugin/base/result.h"
#include "plugin/rendezvous/rendezvous.h"

namespace samehost::rendezvous {

// A file, a folder or a namespace as the kernel numbers it (st_dev and st_ino).
struct FileId {
  uint64_t device = 0;
  uint64_t inode = 0;
  bool operator==(const FileId&) const = default;
};

// IPv4 addresses are kept as ::ffff:a.b.c.d, so that both spellings are equal.
struct IpEndpoint {
  std::array<uint8_t, 16> ip = {};
  uint16_t port = 0;
  uint32_t scope = 0;  // interface of a link-local address, else 0
  bool operator==(const IpEndpoint&) const = default;

  bool is_v4() const;
  bool is_wildcard() const;
  bool is_loopback() const;
};

enum class EndpointKind : uint8_t { kTcp = 1, kUnixPath = 2, kUnixAbstract = 3, kName = 4 };

struct Endpoint {
  EndpointKind kind = EndpointKind::kTcp;
  IpEndpoint tcp = {};  // kTcp
  FileId folder = {};   // kUnixPath: the folder that the socket file is in
  // kUnixPath: the file's name; kUnixAbstract: the name, without the zero; kName: the name
  std::string name = {};
  bool operator==(const Endpoint&) const = default;
};

// Longest Endpoint::name that a sockaddr_un can carry.
inline constexpr size_t kMaxEndpointName = 108;

IpEndpoint ToIpEndpoint(const sockaddr_storage& address);
sockaddr_storage ToSockaddr(const IpEndpoint& endpoint, socklen_t* length);

// A path's folder must exist (kSystem with ENOENT otherwise), the file need not.
Result<Endpoint> ToEndpoint(const Address& address);
// The path in an AF_UNIX address, "" for an abstract or unnamed one.
std::string UnixPath(const Address& address);
// The socket file behind an AF_UNIX path, zeros when it is not there (or there is no path).
FileId SocketFile(const Address& address);

// Where a connection to `endpoint` really goes: a wildcard means loopback to a client.
Endpoint AsTarget(Endpoint endpoint);

// Whether who listens on `announced` can be meant by `target`. Not a proof that it is.
bool Covers(const Endpoint& announced, const Endpoint& target);

// How the names of all rendezvous entries begin that may belong to `endpoint`: the port or a hash.
// A hint for finding them; equal prefixes prove nothing.
std::string EntryPrefix(const Endpoint& endpoint, const FileId& netns);

// The calling thread's network namespace; zeros when /proc cannot be read.
FileId CurrentNetns();

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_ENDPOINT_NAME_H_
