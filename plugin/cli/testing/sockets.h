// What the kernel says of sockets, for tests that must prove that nothing went over one.
#ifndef SAMEHOST_PLUGIN_CLI_TESTING_SOCKETS_H_
#define SAMEHOST_PLUGIN_CLI_TESTING_SOCKETS_H_

#include <cstdint>
#include <string>

namespace samehost::cli::testing {

// Established TCP connections to this port of this host, counted once each (at the server's end).
int TcpConnections(const std::string& port);
// Everything but listening sockets that has this port at either end, closed connections included
// for as long as the kernel remembers them (a minute).
int TcpTraces(const std::string& port);
// What the established connections to this port have carried so far, both ways, as `ss` tells.
uint64_t TcpBytes(const std::string& port);
// A port that nobody listens on now, and without TcpTraces().
std::string FreePort();

}  // namespace samehost::cli::testing

#endif  // SAMEHOST_PLUGIN_CLI_TESTING_SOCKETS_H_
