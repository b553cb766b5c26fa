// Blocking sends and receives on sockets that keep message boundaries.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_DATAGRAM_IO_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_DATAGRAM_IO_H_

#include <cstddef>
#include <span>

namespace samehost::bench::menu {

// Fits the default send buffer of a unix socket (net.core.wmem_default, 212992) more than once.
inline constexpr size_t kUnixPiece = 64 * 1024 + 8;

// Both throw PeerGone when the kernel says so.
void SendDatagram(int socket, std::span<const std::byte> head, std::span<const std::byte> body);
// Bytes received; 0: an empty datagram, or the end.
size_t ReceiveDatagram(int socket, std::span<std::byte> room);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_ADAPTERS_DATAGRAM_IO_H_
