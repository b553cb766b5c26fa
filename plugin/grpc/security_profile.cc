#include "plugin/grpc/security_profile.h"

#include <netinet/in.h>

#include <cstring>
namespace samehost::grpc_transport {
namespace {

constexpr uint8_t kEncodingVersion = 1;
constexpr uint8_t kFlagReplaceTls = 1;
// version, flags, kind, level, address class, length of the type name
constexpr size_t kFixedBytes = 6;

Fallback Refuse(std::string detail) {
  return Fallback{FallbackReason::kTlsNotReplaced, std::move(detail)};
}

std::string Quoted(const SecurityProfile& profile) { return "\"" + profile.type_name + "\""; }

}  // namespace

AddressClass ClassOf(const rendezvous::Address& address) {
  if (address.storage.ss_family == AF_UNIX) return AddressClass::kUnix;
  if (address.storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address.storage);
    return v4->sin_addr.s_addr == htonl(INADDR_LOOPBACK) ? AddressClass::kLoopback
                                                         : AddressClass::kElsewhere;
  }
  if (address.storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    return std::memcmp(&v6->sin6_addr, &in6addr_loopback, sizeof(in6addr_loopback)) == 0
               ? AddressClass::kLoopback
               : AddressClass::kElsewhere;
  }
  return AddressClass::kElsewhere;
}

std::string Encode(const Introduction& introduction) {
  const SecurityProfile& profile = introduction.profile;
  std::string bytes;
  bytes.push_back(static_cast<char>(kEncodingVersion));
  bytes.push_back(static_cast<char>(profile.replace_tls ? kFlagReplaceTls : 0));
  bytes.push_back(static_cast<char>(profile.kind));
  bytes.push_back(static_cast<char>(profile.level()));
  bytes.push_back(static_cast<char>(introduction.address));
  bytes.push_back(static_cast<char>(profile.type_name.size()));
  bytes += profile.type_name;
  return bytes;
}

std::optional<Introduction> Decode(std::string_view bytes) {
  if (bytes.size() < kFixedBytes || static_cast<uint8_t>(bytes[0]) != kEncodingVersion) return {};
  Introduction introduction;
  introduction.profile.replace_tls = (static_cast<uint8_t>(bytes[1]) & kFlagReplaceTls) != 0;
  const uint8_t kind = static_cast<uint8_t>(bytes[2]);
  // bytes[3], the level, is what the kind says; it is there for people who look at the wire.
  const uint8_t address = static_cast<uint8_t>(bytes[4]);
  const size_t name = static_cast<uint8_t>(bytes[5]);
  if (kind > static_cast<uint8_t>(SecurityKind::kOther)) return {};
  if (address > static_cast<uint8_t>(AddressClass::kElsewhere)) return {};
  // More bytes behind the name are a later version's additions.
  if (name > kMaxTypeName || bytes.size() < kFixedBytes + name) return {};
  introduction.profile.kind = static_cast<SecurityKind>(kind);
  introduction.address = static_cast<AddressClass>(address);
  for (const char c : bytes.substr(kFixedBytes, name)) {
    // It ends up in logs: the peer does not get to write control characters there.
    introduction.profile.type_name.push_back(c >= 0x20 && c < 0x7f ? c : '?');
  }
  return introduction;
}

Fallback CheckOwn(const SecurityProfile& mine, AddressClass address) {
  if (mine.secure() && !mine.replace_tls) {
    return Refuse("credentials " + Quoted(mine) + " protect the connection; see replace_tls");
  }
  if (mine.kind == SecurityKind::kLocalUnix && address != AddressClass::kUnix) {
    return Refuse("local credentials for unix sockets, and the address is none");
  }
  if (mine.kind == SecurityKind::kLocalTcp && address != AddressClass::kLoopback) {
    return Refuse("local credentials for loopback TCP, and the address is not loopback");
  }
  return {};
}

Fallback CheckBoth(const SecurityProfile& client, const SecurityProfile& server,
                   AddressClass address) {
  if (client.secure() != server.secure()) {
    return Refuse("the client's credentials are " + Quoted(client) + ", the server's " +
                  Quoted(server));
  }
  for (const SecurityProfile* side : {&client, &server}) {
    Fallback own = CheckOwn(*side, address);
    if (own.reason != FallbackReason::kNone) {
      own.detail = (side == &client ? "client: " : "server: ") + own.detail;
      return own;
    }
  }
  const bool differ = client.kind != server.kind ||
                      (client.kind == SecurityKind::kOther && client.type_name != server.type_name);
  if (client.secure() && differ) {
    return Refuse("the client's credentials are " + Quoted(client) + ", the server's " +
                  Quoted(server) + ": they could not talk over the socket either");
  }
  return {};
}

Fallback CheckReply(const SecurityProfile& mine, AddressClass address, std::string_view reply) {
  const std::optional<Introduction> server = Decode(reply);
  if (!server.has_value()) {
    return Fallback{FallbackReason::kHandshakeFailed, "the server's introduction makes no sense"};
  }
  return CheckBoth(mine, server->profile, address);
}

}  // namespace samehost::grpc_transport
