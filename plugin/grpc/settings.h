// Settings: one credentials object's options together with the security profile of the credentials
// it wraps. Immutable and shared by reference count.
//
// On the client they travel in the channel arguments, so that the connector finds them and so that
// gRPC shares subchannels between equal settings only.
#ifndef SAMEHOST_PLUGIN_GRPC_SETTINGS_H_
#define SAMEHOST_PLUGIN_GRPC_SETTINGS_H_

#include "absl/strings/string_view.h"
#include "plugin/grpc/include/samehost/grpc.h"
#include "plugin/grpc/security_profile.h"
#include "plugin/rendezvous/rendezvous.h"
#include "src/core/lib/gprpp/ref_counted.h"

namespace samehost::grpc_transport {

struct Settings final : grpc_core::RefCounted<Settings> {
  Settings(const Options& options_in, const SecurityProfile& profile_in)
      : options(options_in), profile(profile_in) {}

  // Called by gRPC's channel arguments.
  static absl::string_view ChannelArgName() { return "samehost.internal.settings"; }
  static int ChannelArgsCompare(const Settings* a, const Settings* b);

  rendezvous::Options ForRendezvous() const;

  const Options options;
  const SecurityProfile profile;
};

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_SETTINGS_H_
