// PieceChannel: messages over a mechanism that carries whole pieces of a limited size: datagrams,
// message queues, slots of shared memory. A message's first piece begins with its length, 8 bytes.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_PIECE_CHANNEL_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_PIECE_CHANNEL_H_

#include <vector>

#include "plugin/bench/menu/channel.h"

namespace samehost::bench::menu {

class PieceChannel : public Channel {
 public:
  explicit PieceChannel(size_t max_piece) : max_piece_(max_piece) {}

  void Send(std::span<const std::byte> message) final;
  std::span<const std::byte> Receive() final;

 protected:
  using Bytes = std::span<const std::byte>;
  // One piece of head and body, together at most max_piece bytes. The head may be empty.
  virtual void SendPiece(Bytes head, Bytes body) = 0;
  // The next piece: written to `room`, which has max_piece bytes, or in memory of the mechanism
  // that stays as it is until the next call.
  virtual Bytes ReceivePiece(std::span<std::byte> room) = 0;

  size_t max_piece() const { return max_piece_; }

 private:
  const size_t max_piece_;
  std::vector<std::byte> assembly_;
};

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_PIECE_CHANNEL_H_
