#include "plugin/grpc/settings.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace samehost::grpc_transport {
namespace {

auto Tie(const Settings& s) {
  return std::tie(s.options.enabled, s.options.wait, s.options.initial_ring_bytes,
                  s.options.max_ring_bytes, s.options.allowed_users, s.options.allowed_groups,
                  s.options.directory, s.options.replace_tls, s.profile.kind, s.profile.type_name);
}

// A size that does not fit is out of range for the link as well, which then says so.
uint32_t Clamp(size_t bytes) {
  return static_cast<uint32_t>(std::min<size_t>(bytes, std::numeric_limits<uint32_t>::max()));
}

}  // namespace

int Settings::ChannelArgsCompare(const Settings* a, const Settings* b) {
  if (Tie(*a) < Tie(*b)) return -1;
  return Tie(*b) < Tie(*a) ? 1 : 0;
}

rendezvous::Options Settings::ForRendezvous() const {
  rendezvous::Options out;
  out.directory = options.directory;
  out.access.users = options.allowed_users;
  out.access.groups = options.allowed_groups;
  out.link.initial_ring_bytes = Clamp(options.initial_ring_bytes);
  out.link.max_ring_bytes = Clamp(options.max_ring_bytes);
  out.protocol = "grpc";
  return out;
}

}  // namespace samehost::grpc_transport
