// A pair of connected unix SOCK_SEQPACKET sockets: a piece is a packet.
#include <sys/socket.h>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/adapters/datagram_io.h"
#include "plugin/bench/menu/adapters/socket_pair.h"
#include "plugin/bench/menu/piece_channel.h"

namespace samehost::bench::menu {
namespace {

class SeqpacketChannel final : public PieceChannel {
 public:
  explicit SeqpacketChannel(UniqueFd socket)
      : PieceChannel(kUnixPiece), socket_(std::move(socket)) {}

 protected:
  void SendPiece(Bytes head, Bytes body) override { SendDatagram(socket_.get(), head, body); }
  // The kernel tells of the end by a read of nothing.
  Bytes ReceivePiece(std::span<std::byte> room) override {
    const size_t got = ReceiveDatagram(socket_.get(), room);
    if (got == 0) throw PeerGone();
    return room.first(got);
  }

 private:
  UniqueFd socket_;
};

}  // namespace

ChannelPtr OpenUnixSeqpacket(const Place& place) {
  return std::make_unique<SeqpacketChannel>(ConnectedUnixSocket(place, SOCK_SEQPACKET));
}

}  // namespace samehost::bench::menu
