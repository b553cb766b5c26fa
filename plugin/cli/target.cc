#include "plugin/cli/target.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

#include "plugin/rendezvous/directory.h"

namespace samehost::cli {
namespace {

using rendezvous::Address;

using Addresses = std::vector<Address>;

Error Bad(const std::string& text, const std::string& why) {
  return Error{ErrorCode::kInvalidArgument, 0, text + ": " + why};
}

bool Consume(std::string_view* text, std::string_view start) {
  if (text->substr(0, start.size()) != start) return false;
  text->remove_prefix(start.size());
  return true;
}

Result<Addresses> UnixAddress(std::string_view name, bool abstract) {
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
  return Addresses{address};
}

struct HostPort {
  std::string host;
  std::string port;  // empty: none was given
};

// As gRPC splits it: an IPv6 address with a port needs brackets.
std::optional<HostPort> Split(std::string_view text) {
  HostPort out;
  if (!text.empty() && text.front() == '[') {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    out.host = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (text.empty()) return out;
    if (text.front() != ':') return std::nullopt;
    out.port = text.substr(1);
    if (out.port.empty()) return std::nullopt;
  } else {
    const size_t colon = text.find(':');
    const bool one = colon != std::string_view::npos && text.rfind(':') == colon;
    out.host = text.substr(0, one ? colon : text.size());
    if (one) out.port = text.substr(colon + 1);
    if (one && out.port.empty()) return std::nullopt;
  }
  if (out.host.empty() || out.host.find(' ') != std::string::npos) return std::nullopt;
  return out;
}

// Why a client cannot mean this port. Both protocols' own parsers take the number's low 16 bits,
// and what is no number for 0: a client then goes where nobody wanted it to go, without a word.
std::optional<std::string> WhyNoPort(const std::string& port, const char* client) {
  constexpr unsigned long kMaxPort = 65535;
  const bool digits = port.find_first_not_of("0123456789") == std::string::npos;
  const unsigned long number = digits ? strtoul(port.c_str(), nullptr, 10) : 0;
  if (digits && number > 0 && number <= kMaxPort) return std::nullopt;
  std::string why = port + " is no port: those are 1 to 65535";
  const auto taken = static_cast<uint16_t>(atoi(port.c_str()));
  if (taken != 0) {
    why += std::string(". A ") + client + " client does not notice, and connects to port " +
           std::to_string(taken);
  }
  return why;
}

Result<Addresses> Resolve(const std::string& host, const std::string& port, int flags, int family) {
  addrinfo hints = {};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  int code = getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
  if (code == EAI_NONAME || code == EAI_ADDRFAMILY) {
    // A machine whose only interface is the loopback one.
    hints.ai_flags &= ~AI_ADDRCONFIG;
    code = getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
  }
  if (code != 0) return Error{ErrorCode::kNotFound, 0, host + ": " + gai_strerror(code)};
  Addresses out;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    Address address;
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.length = one->ai_addrlen;
    out.push_back(address);
  }
  freeaddrinfo(list);
  return out;
}

bool IsNumeric(const std::string& host) {
  in6_addr any;
  return inet_pton(AF_INET, host.c_str(), &any) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &any) == 1;
}

// gRPC gives a host's name port 443 where it has none, and knows two by name; behind an address in
// numbers both end at port 0.
Result<Addresses> WithPortByName(std::string_view text, const HostPort& split, Target* target) {
  if (IsNumeric(split.host)) {
    return Bad(std::string(text), "expected HOST:PORT, the port in numbers");
  }
  if (split.port.empty()) target->notes.push_back("the target names no port: gRPC takes 443");
  return Resolve(split.host, split.port == "http" ? "80" : "443", AI_ADDRCONFIG, AF_UNSPEC);
}

Result<Addresses> HostAddresses(std::string_view text, const char* client, Target* target) {
  const auto split = Split(text);
  if (!split) return Bad(std::string(text), "expected HOST:PORT");
  const bool by_name = split->port.empty() || split->port == "http" || split->port == "https";
  if (by_name && target->protocol == "grpc") return WithPortByName(text, *split, target);
  if (split->port.empty()) return Bad(std::string(text), "expected HOST:PORT");
  if (const auto why = WhyNoPort(split->port, client)) return Bad(std::string(text), *why);
  return Resolve(split->host, split->port, AI_ADDRCONFIG, AF_UNSPEC);
}

// "ipv4:" and "ipv6:": numbers only, and never without a port.
Result<Addresses> NumericAddress(const std::string& text, int family) {
  const bool v4 = family == AF_INET;
  const auto split = Split(text);
  if (!split || split->port.empty()) {
    return Bad(text, v4 ? "expected ipv4:ADDRESS:PORT" : "expected ipv6:[ADDRESS]:PORT");
  }
  if (WhyNoPort(split->port, "gRPC")) {
    return Bad(text, split->port + " is no port: those are 1 to 65535");
  }
  auto addresses = Resolve(split->host, split->port, AI_NUMERICHOST, family);
  if (addresses) return addresses;
  return Bad(
      text, std::string(v4 ? "ipv4" : "ipv6") + ": takes addresses in numbers, not " + split->host);
}

Result<Addresses> ZmqAddresses(std::string_view rest, bool ipc, Target* target) {
  if (!ipc) {
    // "tcp://source;host:port"
    const size_t source = rest.rfind(';');
    return HostAddresses(source == std::string_view::npos ? rest : rest.substr(source + 1),
                         "ZeroMQ", target);
  }
  const bool abstract = Consume(&rest, "@");
  return UnixAddress(rest, abstract);
}

// As plugin/zmq/registry.cc names it.
Result<Addresses> ShmAddress(std::string_view name, const std::string& directory) {
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

// "%5B" is "[", as in every URI.
std::string PercentDecoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const bool coded = text.size() >= 3 && text[0] == '%' && isxdigit(text[1]) && isxdigit(text[2]);
    out += coded ? static_cast<char>(strtoul(std::string(text.substr(1, 2)).c_str(), nullptr, 16))
                 : text[0];
    text.remove_prefix(coded ? 3 : 1);
  }
  return out;
}

// A scheme of gRPC's whose targets are addresses themselves, one or a list. With an authority
// ("ipv4://...") gRPC refuses such a target.
template <typename Parse>
Result<Addresses> EachOf(std::string_view list, Target* target, Parse parse) {
  if (list.substr(0, 2) == "//") {
    list.remove_prefix(2);
    if (list.empty() || list.front() != '/') {
      return Bad(target->text, "gRPC takes no authority (what stands behind //) in such a target");
    }
  }
  Addresses out;
  size_t count = 0;
  const std::string decoded = PercentDecoded(list);
  for (std::string_view left = decoded; !left.empty();) {
    const size_t comma = left.find(',');
    const std::string one(left.substr(0, comma));
    left = comma == std::string_view::npos ? "" : left.substr(comma + 1);
    if (one.empty()) continue;  // as gRPC does
    auto addresses = parse(one);
    if (!addresses) return addresses;
    out.insert(out.end(), addresses->begin(), addresses->end());
    ++count;
  }
  if (count == 0) return Bad(target->text, "it names no address");
  target->is_list = count > 1;
  return out;
}

Result<Addresses> OfNumbers(std::string_view list, Target* target, int family) {
  return EachOf(list, target, [family](const std::string& one) {
    return NumericAddress(one.front() == '/' ? one.substr(1) : one, family);
  });
}

// The scheme of "scheme://..." and of those of gRPC's own that go without slashes.
std::string SchemeOf(std::string_view text) {
  for (const char* own : {"xds", "google-c2p", "google-c2p-experimental"}) {
    if (text.substr(0, std::strlen(own) + 1) == std::string(own) + ":") return own;
  }
  const size_t end = text.find("://");
  const bool named =
      end != std::string_view::npos && end > 0 &&
      std::all_of(text.begin(), text.begin() + static_cast<ptrdiff_t>(end), [](unsigned char c) {
        return isalnum(c) != 0 || c == '+' || c == '-' || c == '.';
      });
  return named ? std::string(text.substr(0, end)) : "";
}

Error ResolvedElsewhere(const std::string& text, const std::string& scheme) {
  std::string why;
  if (scheme == "xds") {
    why = "an xDS server (GRPC_XDS_BOOTSTRAP) tells a client which addresses this stands for";
  } else if (scheme.rfind("google-c2p", 0) == 0) {
    why = "Google's Traffic Director tells a client which addresses this stands for";
  } else {
    why = "this command does not know the scheme \"" + scheme +
          "\"; neither does gRPC for C++, unless the program registers a resolver for it, which "
          "then tells which addresses this stands for";
  }
  return Error{ErrorCode::kUnsupported, 0,
               text + ": " + why +
                   ". Explain these addresses one by one: samehost explain "
                   "HOST:PORT"};
}

Result<Addresses> GrpcAddresses(std::string_view rest, Target* target) {
  const auto unix_socket = [](bool abstract) {
    return [abstract](const std::string& name) { return UnixAddress(name, abstract); };
  };
  if (Consume(&rest, "unix-abstract:")) return EachOf(rest, target, unix_socket(true));
  if (Consume(&rest, "unix:")) return EachOf(rest, target, unix_socket(false));
  if (Consume(&rest, "ipv4:")) return OfNumbers(rest, target, AF_INET);
  if (Consume(&rest, "ipv6:")) return OfNumbers(rest, target, AF_INET6);
  if (Consume(&rest, "dns://")) {
    const size_t slash = rest.find('/');  // behind the name server, if any
    if (slash == std::string_view::npos) return Bad(std::string(rest), "expected dns:///HOST:PORT");
    if (slash > 0) {
      target->notes.push_back("gRPC asks the name server " + std::string(rest.substr(0, slash)) +
                              "; here this machine's resolver was asked");
    }
    rest.remove_prefix(slash + 1);
  } else if (Consume(&rest, "dns:")) {
    (void)Consume(&rest, "/");
  } else if (const std::string scheme = SchemeOf(rest); !scheme.empty()) {
    return ResolvedElsewhere(target->text, scheme);
  }
  return HostAddresses(rest, "gRPC", target);
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
  Result<Addresses> addresses = target.is_shm ? ShmAddress(rest, directory)
                                : tcp || ipc  ? ZmqAddresses(rest, ipc, &target)
                                              : GrpcAddresses(rest, &target);
  if (!addresses) return addresses.error();
  target.addresses = *std::move(addresses);
  return target;
}

}  // namespace samehost::cli
