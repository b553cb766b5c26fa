#include "plugin/bench/menu/piece_channel.h"

#include <algorithm>
#include <cstring>

namespace samehost::bench::menu {

void PieceChannel::Send(Bytes message) {
  const uint64_t size = message.size();
  Bytes head = std::as_bytes(std::span(&size, 1));
  do {
    const size_t part = std::min(message.size(), max_piece_ - head.size());
    SendPiece(head, message.first(part));
    message = message.subspan(part);
    head = {};
  } while (!message.empty());
}

std::span<const std::byte> PieceChannel::Receive() {
  if (assembly_.size() < max_piece_) assembly_.resize(max_piece_);
  const Bytes first = ReceivePiece(assembly_);
  uint64_t size = 0;
  if (first.size() < sizeof(size)) throw BenchFailure("a piece without its message's length");
  std::memcpy(&size, first.data(), sizeof(size));
  if (first.size() - sizeof(size) == size) return first.subspan(sizeof(size));
  // Room for one whole piece behind the last byte.
  const bool in_place = first.data() == assembly_.data();
  if (assembly_.size() < sizeof(size) + size + max_piece_) {
    std::vector<std::byte> larger(sizeof(size) + size + max_piece_);
    std::memcpy(larger.data(), first.data(), first.size());
    assembly_.swap(larger);
  } else if (!in_place) {
    std::memcpy(assembly_.data(), first.data(), first.size());
  }
  size_t have = first.size();
  while (have < sizeof(size) + size) {
    std::byte* to = assembly_.data() + have;
    const Bytes piece = ReceivePiece({to, max_piece_});
    if (have + piece.size() > sizeof(size) + size)
      throw BenchFailure("pieces longer than announced");
    if (!piece.empty() && piece.data() != to) std::memcpy(to, piece.data(), piece.size());
    have += piece.size();
  }
  return std::span(assembly_).subspan(sizeof(size), size);
}

}  // namespace samehost::bench::menu
