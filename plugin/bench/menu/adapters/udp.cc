// UDP over 127.0.0.1. The kernel drops what a receiver's buffer cannot hold, so the ends keep a
// window: each datagram says how much its sender has received, and who receives much without
// sending anything says so by a datagram of its own. Nothing is sent twice: a gap is a failure.
#include <sys/socket.h>

#include <cstring>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/adapters/datagram_io.h"
#include "plugin/bench/menu/adapters/loopback.h"
#include "plugin/bench/menu/piece_channel.h"

namespace samehost::bench::menu {
namespace {

struct Header {
  uint64_t index = 0;     // of this datagram; 0: carries nothing
  uint64_t received = 0;  // weight of all that its sender has received
};

constexpr size_t kPiece = 32 * 1024 + 8;
// What a datagram takes of the receiver's buffer is its bytes and the kernel's bookkeeping. The
// window stays below half of the default buffer (net.core.rmem_default, 212992).
constexpr uint64_t kOverhead = 1024;
constexpr uint64_t kWindow = 100 * 1024;

class UdpChannel final : public PieceChannel {
 public:
  UdpChannel(Peer& peer, UniqueFd socket)
      : PieceChannel(kPiece), peer_(peer), socket_(std::move(socket)) {
    peer_.Watch([this] { ::shutdown(socket_.get(), SHUT_RDWR); });
  }
  ~UdpChannel() override { peer_.StopWatch(); }

 protected:
  void SendPiece(Bytes head, Bytes body) override {
    const uint64_t weight = kOverhead + head.size() + body.size();
    while (sent_ + weight - acknowledged_ > kWindow) {
      if (Take(room_).size() > 0) throw BenchFailure("data where an acknowledgement was due");
    }
    Header header{++sent_index_, received_};
    told_ = received_;
    std::byte front[sizeof(Header) + sizeof(uint64_t)];
    std::memcpy(front, &header, sizeof(header));
    if (!head.empty()) std::memcpy(front + sizeof(header), head.data(), head.size());
    SendDatagram(socket_.get(), {front, sizeof(header) + head.size()}, body);
    sent_ += weight;
  }

  Bytes ReceivePiece(std::span<std::byte>) override {
    Bytes piece;
    while ((piece = Take(room_)).empty()) {
    }
    if (received_ - told_ > kWindow / 2) {
      const Header header{0, received_};
      told_ = received_;
      SendDatagram(socket_.get(), std::as_bytes(std::span(&header, 1)), {});
    }
    return piece;
  }

 private:
  // One datagram; empty when it carries no data.
  Bytes Take(std::span<std::byte> room) {
    const size_t got = ReceiveDatagram(socket_.get(), room);
    peer_.Require();
    Header header;
    if (got < sizeof(header)) throw BenchFailure("a datagram that is too short");
    std::memcpy(&header, room.data(), sizeof(header));
    acknowledged_ = header.received;
    if (header.index == 0) return {};
    if (header.index != ++received_index_) throw BenchFailure("a datagram was lost");
    received_ += kOverhead + got - sizeof(header);
    return Bytes(room).subspan(sizeof(header), got - sizeof(header));
  }

  Peer& peer_;
  UniqueFd socket_;
  uint64_t sent_ = 0, acknowledged_ = 0, received_ = 0, told_ = 0;  // weights
  uint64_t sent_index_ = 0, received_index_ = 0;
  std::vector<std::byte> room_ = std::vector<std::byte>(kPiece + sizeof(Header));
};

}  // namespace

ChannelPtr OpenUdp(const Place& place) {
  UniqueFd socket = BoundLoopbackSocket(SOCK_DGRAM);
  place.peer.SendText(std::to_string(PortOf(socket.get())));
  ConnectToPort(socket.get(), std::stoi(place.peer.ReceiveText()));
  place.peer.Meet();
  return std::make_unique<UdpChannel>(place.peer, std::move(socket));
}

}  // namespace samehost::bench::menu
