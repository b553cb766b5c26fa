// Target: an address as a user of gRPC or ZeroMQ writes it, and the socket addresses that it stands
// for.
#ifndef SAMEHOST_PLUGIN_CLI_TARGET_H_
#define SAMEHOST_PLUGIN_CLI_TARGET_H_

#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/rendezvous/rendezvous.h"

namespace samehost::cli {

struct Target {
  std::string text;                            // as given
  std::string protocol;                        // "grpc" or "zmq"
  std::vector<rendezvous::Address> addresses;  // in the order in which a client tries them
  bool is_shm = false;                         // "shm://name"
  bool is_list = false;                        // the user named more than one address
  std::vector<std::string> notes;              // what gRPC adds to such a target by itself
};

// gRPC: "host:port", "dns:///host:port", "ipv4:", "ipv6:", "unix:path", "unix:///path",
// "unix-abstract:name"; all but the first two may be lists, separated by commas. ZeroMQ:
// "tcp://host:port", "ipc://path", "ipc://@name"; "shm://name" stands for a socket in this user's
// folder of the rendezvous directory (`directory`: Options::directory). Asks the resolver, and so
// may block. Errors: kInvalidArgument (no such form), kNotFound (the resolver knows no such host,
// or there is no such folder), kUnsupported (inproc://; xds: and other schemes, which something
// else resolves).
Result<Target> ParseTarget(const std::string& text, const std::string& directory = "");

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_TARGET_H_
