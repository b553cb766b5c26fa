// SecurityProfile: what kind of credentials a connection would have over its socket, and whether
// shared memory may stand in for that connection. Both sides describe themselves to each other with
// these few bytes during the rendezvous (`request` and `reply`).
//
// The rules (docs/design/credentials.md): two sides that could not talk over the socket must not
// talk through shared memory either, and encryption is only ever replaced when both sides said so.
#ifndef SAMEHOST_PLUGIN_GRPC_SECURITY_PROFILE_H_
#define SAMEHOST_PLUGIN_GRPC_SECURITY_PROFILE_H_

#include <grpc/grpc_security_constants.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "plugin/rendezvous/fallback_reason.h"
#include "plugin/rendezvous/rendezvous.h"

struct grpc_channel_credentials;
struct grpc_server_credentials;

namespace samehost::grpc_transport {

// Longest type_name.
inline constexpr size_t kMaxTypeName = 64;

enum class SecurityKind : uint8_t {
  kInsecure = 0,
  kLocalTcp = 1,   // grpc::experimental::LocalCredentials(LOCAL_TCP)
  kLocalUnix = 2,  // ... (UDS)
  kTls = 3,        // SslCredentials and TlsCredentials: one protocol on the wire
  kOther = 4,      // told apart by type_name
};

struct SecurityProfile {
  SecurityKind kind = SecurityKind::kInsecure;
  std::string type_name;  // gRPC's name of the credentials' type, for kOther and for messages
  bool replace_tls = false;

  bool secure() const { return kind == SecurityKind::kTls || kind == SecurityKind::kOther; }
  bool local() const { return kind == SecurityKind::kLocalTcp || kind == SecurityKind::kLocalUnix; }
  // What the fallback's own handshake reports to call credentials.
  grpc_security_level level() const {
    return kind == SecurityKind::kInsecure ? GRPC_SECURITY_NONE : GRPC_PRIVACY_AND_INTEGRITY;
  }
};

// How gRPC's local credentials tell endpoints apart.
enum class AddressClass : uint8_t { kUnix = 0, kLoopback = 1, kElsewhere = 2 };
AddressClass ClassOf(const rendezvous::Address& address);

// profile_of.cc, the only part of this that needs gRPC to run. Looks through composite credentials
// at the channel credentials inside.
SecurityProfile ProfileOf(const grpc_channel_credentials* credentials, bool replace_tls);
SecurityProfile ProfileOf(const grpc_server_credentials* credentials, bool replace_tls);

// What one side tells the other. Decode answers nothing for bytes it does not understand.
struct Introduction {
  SecurityProfile profile;
  AddressClass address = AddressClass::kElsewhere;  // of the address that the client connects to
};
std::string Encode(const Introduction& introduction);
std::optional<Introduction> Decode(std::string_view bytes);

// kNone when one side alone has nothing against shared memory to such an address.
Fallback CheckOwn(const SecurityProfile& mine, AddressClass address);
// kNone when the two may use shared memory. Symmetric but for the wording.
Fallback CheckBoth(const SecurityProfile& client, const SecurityProfile& server,
                   AddressClass address);

// kNone when the server whose introduction this is is one that this client may talk to.
Fallback CheckReply(const SecurityProfile& mine, AddressClass address, std::string_view reply);

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_SECURITY_PROFILE_H_
