// What the kernel says of sockets, for tests that must prove that nothing went over one.
#ifndef SAMEHOST_PLUGIN_CLI_TESTING_SOCKETS_H_
#define SAMEHOST_PLUGIN_CLI_TESTING_SOCKETS_H_

#include <string>

namespace samehost::cli::testing {

// Established TCP connections to this port of this host, counted once each (at the server's end).
int TcpConnections(const std::string& port);

}  // namespace samehost::cli::testing

#endif  // SAMEHOST_PLUGIN_CLI_TESTING_SOCKETS_H_
