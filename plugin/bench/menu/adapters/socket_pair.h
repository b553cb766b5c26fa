// How the three kinds of unix socket come about: the server makes a connected pair and hands one to
// the client.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_SOCKET_PAIR_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_SOCKET_PAIR_H_

#include "plugin/base/unique_fd.h"
#include "plugin/bench/menu/place.h"

namespace samehost::bench::menu {

// This side's socket of a pair of that type (SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM); blocking.
UniqueFd ConnectedUnixSocket(const Place& place, int type);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_SOCKET_PAIR_H_
