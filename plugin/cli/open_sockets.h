// How many sockets a process has open to an address: whether a connection that did not take shared
// memory is there at all (a client that tries [::1] first and finds nobody has none).
#ifndef SAMEHOST_PLUGIN_CLI_OPEN_SOCKETS_H_
#define SAMEHOST_PLUGIN_CLI_OPEN_SOCKETS_H_

#include <optional>
#include <string>
#include <vector>

#include "plugin/cli/proc.h"

namespace samehost::cli {

// Established TCP connections of the process, whose descriptors these are, to "127.0.0.1:50051" or
// "[::1]:50051". Nothing for an address of another kind: it cannot be told.
std::optional<int> CountOpenSockets(const Process& process,
                                    const std::vector<Descriptor>& descriptors,
                                    const std::string& address);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_OPEN_SOCKETS_H_
