// Addresses and sockets of 127.0.0.1.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_LOOPBACK_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_LOOPBACK_H_

#include "plugin/base/unique_fd.h"

namespace samehost::bench::menu {

// A socket of that type, bound to a free port.
UniqueFd BoundLoopbackSocket(int type);
int PortOf(int socket);
void ConnectToPort(int socket, int port);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_LOOPBACK_H_
