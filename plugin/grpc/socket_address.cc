#include "plugin/grpc/socket_address.h"

#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "src/core/lib/address_utils/sockaddr_utils.h"
#include "src/core/lib/iomgr/resolve_address.h"
#include "src/core/lib/iomgr/unix_sockets_posix.h"
#include "src/core/lib/uri/uri_parser.h"

namespace samehost::grpc_transport {
namespace {

// The length that bind(2) would report: gRPC hands out whole sockaddr_un structures for paths.
socklen_t UnixLength(const sockaddr_un& address, socklen_t given) {
  const socklen_t header = offsetof(sockaddr_un, sun_path);
  if (given <= header || address.sun_path[0] == '\0') return given;  // unnamed or abstract
  return header + static_cast<socklen_t>(strnlen(address.sun_path, given - header)) + 1;
}

}  // namespace

rendezvous::Address ToRendezvous(const grpc_resolved_address& from) {
  grpc_resolved_address unmapped;
  const grpc_resolved_address* plain =
      grpc_sockaddr_is_v4mapped(&from, &unmapped) != 0 ? &unmapped : &from;
  rendezvous::Address to;
  to.length = std::min<socklen_t>(plain->len, sizeof(to.storage));
  std::memcpy(&to.storage, plain->addr, to.length);
  if (to.storage.ss_family == AF_UNIX) {
    to.length =
        std::min<socklen_t>(UnixLength(reinterpret_cast<const sockaddr_un&>(to.storage), to.length),
                            sizeof(sockaddr_un));
  } else if (to.storage.ss_family != AF_INET && to.storage.ss_family != AF_INET6) {
    to = rendezvous::Address{};
  }
  return to;
}

absl::StatusOr<std::vector<grpc_resolved_address>> ResolveListening(const std::string& text) {
  const std::string decoded = grpc_core::URI::PercentDecode(text);
  absl::string_view rest = decoded;
  if (absl::ConsumePrefix(&rest, "unix:")) return grpc_resolve_unix_domain_address(rest);
  if (absl::ConsumePrefix(&rest, "unix-abstract:")) {
    return grpc_resolve_unix_abstract_domain_address(rest);
  }
  return grpc_core::GetDNSResolver()->LookupHostnameBlocking(decoded, "https");
}

absl::StatusOr<std::string> ListeningText(const grpc_resolved_address& address) {
  absl::StatusOr<std::string> text = grpc_sockaddr_to_string(&address, /*normalize=*/false);
  if (!text.ok()) return text;
  // The stock server decodes percent signs; an IPv6 scope is written with one.
  return absl::StrReplaceAll(*text, {{"%", "%25"}});
}

}  // namespace samehost::grpc_transport
