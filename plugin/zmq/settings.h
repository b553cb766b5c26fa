// Settings: what is set (base/setting.h) for this library, and which connections may leave their
// socket for shared memory. Read once per process (SAMEHOST once per connection, as in
// rendezvous/switches.h). Any thread.
#ifndef SAMEHOST_PLUGIN_ZMQ_SETTINGS_H_
#define SAMEHOST_PLUGIN_ZMQ_SETTINGS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "plugin/rendezvous/rendezvous.h"

namespace zmq {
struct endpoint_uri_pair_t;
struct options_t;
}  // namespace zmq

namespace samehost::zmq_transport {

struct Settings {
  bool upgrade_ipc = true;          // SAMEHOST_ZMQ=ipc,tcp
  bool upgrade_tcp = false;         // of this host: whether the peer is, the rendezvous finds out
  uint64_t max_look_nanos = 0;      // SAMEHOST_WAIT: how long a thread may look before it sleeps
  bool sleep_beside = false;        // SAMEHOST_WAIT=efficient, with processors to choose from
  rendezvous::AccessPolicy access;  // SAMEHOST_ALLOW_USERS, SAMEHOST_ALLOW_GROUPS

  static const Settings& Get();
};

// The two ends of a connected or accepted socket.
struct SocketEnds {
  rendezvous::Address local;
  rendezvous::Address remote;
};
SocketEnds EndsOf(int socket);

// Whether the other end of this TCP connection has an address of another host, or of a container.
// False where it cannot be told.
bool PeerIsElsewhere(int socket);

// Why shared memory is not offered on this connection, by everything that is known before the
// handshake: transport, socket type, mechanism and options. kNone: it is.
Fallback WhyNotShare(const zmq::options_t& options, int socket,
                     const zmq::endpoint_uri_pair_t& endpoints);

// What has switched shared memory off for a connection that uses it (rendezvous/switch_files.h).
std::optional<std::string> SwitchedOffSince(int socket);

// What both sides' rendezvous is told.
rendezvous::Options RendezvousOptions();

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_SETTINGS_H_
