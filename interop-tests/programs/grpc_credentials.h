// What makes a program one with samehost: its credentials. Without: gRPC's insecure ones.
#ifndef SAMEHOST_INTEROP_TESTS_PROGRAMS_GRPC_CREDENTIALS_H_
#define SAMEHOST_INTEROP_TESTS_PROGRAMS_GRPC_CREDENTIALS_H_

#include <grpcpp/grpcpp.h>

#include <memory>

#include "interop-tests/programs/flags.h"

#ifdef SAMEHOST_INTEROP_WITH_SAMEHOST
#include <samehost/grpc.h>

#include "plugin/rendezvous/handshake.h"
#endif

namespace samehost::interop {

#ifdef SAMEHOST_INTEROP_WITH_SAMEHOST
inline Options MakeOptions(const Flags& flags) {
  if (flags.version_max != 0) {
    rendezvous::SetSpokenVersionsForTest({flags.version_min, flags.version_max});
  }
  Options options;
  options.allowed_users = flags.allowed_users;
  return options;
}
#endif

inline std::shared_ptr<grpc::ChannelCredentials> ClientCredentials(
    [[maybe_unused]] const Flags& flags) {
#ifdef SAMEHOST_INTEROP_WITH_SAMEHOST
  return ChannelCredentials(MakeOptions(flags));
#else
  return grpc::InsecureChannelCredentials();
#endif
}

inline std::shared_ptr<grpc::ServerCredentials> ListenCredentials(
    [[maybe_unused]] const Flags& flags) {
#ifdef SAMEHOST_INTEROP_WITH_SAMEHOST
  return ServerCredentials(MakeOptions(flags));
#else
  return grpc::InsecureServerCredentials();
#endif
}

}  // namespace samehost::interop

#endif  // SAMEHOST_INTEROP_TESTS_PROGRAMS_GRPC_CREDENTIALS_H_
