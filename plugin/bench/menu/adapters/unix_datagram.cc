// A pair of connected unix datagram sockets: a piece is a datagram. The kernel does not tell a
// receiver that the other end has gone; the watch shuts the socket down.
#include <sys/socket.h>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/adapters/datagram_io.h"
#include "plugin/bench/menu/adapters/socket_pair.h"
#include "plugin/bench/menu/piece_channel.h"

namespace samehost::bench::menu {
namespace {

class DatagramChannel final : public PieceChannel {
 public:
  DatagramChannel(Peer& peer, UniqueFd socket)
      : PieceChannel(kUnixPiece), peer_(peer), socket_(std::move(socket)) {
    peer_.Watch([this] { ::shutdown(socket_.get(), SHUT_RDWR); });
  }
  ~DatagramChannel() override { peer_.StopWatch(); }

 protected:
  void SendPiece(Bytes head, Bytes body) override { SendDatagram(socket_.get(), head, body); }
  Bytes ReceivePiece(std::span<std::byte> room) override {
    const size_t got = ReceiveDatagram(socket_.get(), room);
    if (got == 0) throw PeerGone();  // every piece has a head or a byte
    return room.first(got);
  }

 private:
  Peer& peer_;
  UniqueFd socket_;
};

}  // namespace

ChannelPtr OpenUnixDatagram(const Place& place) {
  UniqueFd socket = ConnectedUnixSocket(place, SOCK_DGRAM);
  return std::make_unique<DatagramChannel>(place.peer, std::move(socket));
}

}  // namespace samehost::bench::menu
