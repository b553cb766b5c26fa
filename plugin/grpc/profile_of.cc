// ProfileOf(): what gRPC's credentials objects are.
#include "absl/strings/string_view.h"
#include "plugin/grpc/security_profile.h"
#include "src/core/lib/security/credentials/composite/composite_credentials.h"
#include "src/core/lib/security/credentials/credentials.h"
#include "src/core/lib/security/credentials/insecure/insecure_credentials.h"
#include "src/core/lib/security/credentials/local/local_credentials.h"

namespace samehost::grpc_transport {
namespace {

SecurityKind KindOfName(absl::string_view type_name) {
  // One wire protocol under two names; the peer only has to speak it.
  return type_name == "Ssl" || type_name == "Tls" ? SecurityKind::kTls : SecurityKind::kOther;
}

SecurityKind KindOfLocal(grpc_local_connect_type type) {
  return type == UDS ? SecurityKind::kLocalUnix : SecurityKind::kLocalTcp;
}

SecurityProfile Profile(SecurityKind kind, grpc_core::UniqueTypeName type, bool replace_tls) {
  SecurityProfile profile;
  profile.kind = kind;
  profile.type_name = std::string(type.name()).substr(0, kMaxTypeName);
  profile.replace_tls = replace_tls;
  return profile;
}

}  // namespace

SecurityProfile ProfileOf(const grpc_channel_credentials* credentials, bool replace_tls) {
  while (const auto* composite =
             dynamic_cast<const grpc_composite_channel_credentials*>(credentials)) {
    credentials = composite->inner_creds();
  }
  SecurityKind kind = KindOfName(credentials->type().name());
  if (dynamic_cast<const grpc_core::InsecureCredentials*>(credentials) != nullptr) {
    kind = SecurityKind::kInsecure;
  } else if (const auto* local = dynamic_cast<const grpc_local_credentials*>(credentials)) {
    kind = KindOfLocal(local->connect_type());
  }
  return Profile(kind, credentials->type(), replace_tls);
}

SecurityProfile ProfileOf(const grpc_server_credentials* credentials, bool replace_tls) {
  SecurityKind kind = KindOfName(credentials->type().name());
  if (dynamic_cast<const grpc_core::InsecureServerCredentials*>(credentials) != nullptr) {
    kind = SecurityKind::kInsecure;
  } else if (const auto* local = dynamic_cast<const grpc_local_server_credentials*>(credentials)) {
    kind = KindOfLocal(local->connect_type());
  }
  return Profile(kind, credentials->type(), replace_tls);
}

}  // namespace samehost::grpc_transport
