#include "plugin/cli/target.h"

#include <netdb.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>

#include "plugin/rendezvous/directory.h"

namespace samehost::cli {
namespace {

using rendezvous::Address;

Error Bad(const std::string& text, const char* why) {
  return Error{ErrorCode::kInvalidArgument, 0, text + ": " + why};
}

bool Consume(std::string_view* text, std::string_view start) {
  if (text->substr(0, start.size()) != start) return false;
  text->remove_prefix(start.size());
  return true;
}

Result<std::vector<Address>> UnixAddress(std::string_view name, bool abstract) {
  Address address;
  auto* un = reinterpret_cast<sockaddr_un*>(&address.storage);
  const size_t offset = abstract ? 1 : 0;
  if (name.empty() || name.size() + offset >= sizeof(un->sun_path) + (abstract ? 1 : 0)) {
    return Bad(std::string(name), "no name of a unix socket");
  }
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path + offset, name.data(), name.size());
  // A path goes with its closing zero, an abstract name is its length.
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + offset + name.size() +
                                          (abstract ? 0 : 1));
  return std::vector<Address>{address};
}

struct HostPort {
  std::string host;
  std::string port;
};

std::optional<HostPort> Split(std::string_view text) {
  HostPort out;
  if (!text.empty() && text.front() == '[') {
    const size_t end = text.find("]:");
    if (end == std::string_view::npos) return std::nullopt;
    out.host = text.substr(1, end - 1);
    out.port = text.substr(end + 2);
  } else {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    out.host = text.substr(0, colon);
    out.port = text.substr(colon + 1);
  }
  if (out.host.empty() || out.port.empty()) return std::nullopt;
  return out;
}

Result<std::vector<Address>> IpAddresses(std::string_view text) {
  const auto split = Split(text);
  if (!split) return Bad(std::string(text), "expected HOST:PORT");
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  int code = getaddrinfo(split->host.c_str(), split->port.c_str(), &hints, &list);
  if (code == EAI_NONAME || code == EAI_ADDRFAMILY) {
    // A machine whose only interface is the loopback one.
    hints.ai_flags = 0;
    code = getaddrinfo(split->host.c_str(), split->port.c_str(), &hints, &list);
  }
  if (code != 0) {
    return Error{ErrorCode::kNotFound, 0, std::string(text) + ": " + gai_strerror(code)};
  }
  std::vector<Address> out;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    Address address;
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.length = one->ai_addrlen;
    out.push_back(address);
  }
  freeaddrinfo(list);
  return out;
}

Result<std::vector<Address>> ZmqAddresses(std::string_view rest, bool ipc) {
  if (!ipc) {
    // "tcp://source;host:port"
    const size_t source = rest.rfind(';');
    return IpAddresses(source == std::string_view::npos ? rest : rest.substr(source + 1));
  }
  const bool abstract = Consume(&rest, "@");
  return UnixAddress(rest, abstract);
}

// As plugin/zmq/registry.cc names it.
Result<std::vector<Address>> ShmAddress(std::string_view name, const std::string& directory) {
  constexpr size_t kMaxName = 64;
  const bool valid = !name.empty() && name.size() <= kMaxName &&
                     std::all_of(name.begin(), name.end(), [](unsigned char c) {
                       return isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
                     });
  if (!valid) return Bad(std::string(name), "expected letters, digits, '.', '_' and '-', up to 64");
  std::string path;
  for (const auto& folder : rendezvous::FindOwnFolders(directory)) {
    const std::string one = folder->path + "/zmq-" + std::string(name);
    const bool there = access(one.c_str(), F_OK) == 0;
    if (there || path.empty()) path = one;
    if (there) break;
  }
  if (path.empty()) {
    return Error{ErrorCode::kNotFound, 0,
                 "this user has no folder in a rendezvous directory, so nobody offers the name"};
  }
  return UnixAddress(path, false);
}

Result<std::vector<Address>> GrpcAddresses(std::string_view rest) {
  if (Consume(&rest, "unix-abstract:")) return UnixAddress(rest, true);
  if (Consume(&rest, "unix://")) return UnixAddress(rest, false);
  if (Consume(&rest, "unix:")) return UnixAddress(rest, false);
  if (Consume(&rest, "dns://")) {
    const size_t slash = rest.find('/');  // behind the name server, if any
    if (slash == std::string_view::npos) return Bad(std::string(rest), "expected dns:///HOST:PORT");
    rest.remove_prefix(slash + 1);
  } else {
    (void)(Consume(&rest, "dns:") || Consume(&rest, "ipv4:") || Consume(&rest, "ipv6:"));
  }
  return IpAddresses(rest);
}

}  // namespace

Result<Target> ParseTarget(const std::string& text, const std::string& directory) {
  Target target;
  target.text = text;
  std::string_view rest = text;
  if (Consume(&rest, "inproc://")) {
    return Error{ErrorCode::kUnsupported, 0, text + ": there is no socket behind such an address"};
  }
  target.is_shm = Consume(&rest, "shm://");
  const bool tcp = Consume(&rest, "tcp://");
  const bool ipc = !tcp && Consume(&rest, "ipc://");
  target.protocol = tcp || ipc || target.is_shm ? "zmq" : "grpc";
  Result<std::vector<Address>> addresses = target.is_shm ? ShmAddress(rest, directory)
                                           : tcp || ipc  ? ZmqAddresses(rest, ipc)
                                                         : GrpcAddresses(rest);
  if (!addresses) return addresses.error();
  target.addresses = *std::move(addresses);
  return target;
}

}  // namespace samehost::cli
