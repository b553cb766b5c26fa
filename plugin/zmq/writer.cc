#include "plugin/zmq/writer.h"

#include <algorithm>
#include <cstring>

#include "plugin/shm/arena.h"
#include "plugin/shm/layout.h"
#include "plugin/zmq/frame.h"
#include "plugin/zmq/message_memory.h"

namespace samehost::zmq_transport {
namespace {

uint8_t FlagsOf(const zmq::msg_t& part) {
  uint8_t flags = 0;
  if ((part.flags() & zmq::msg_t::more) != 0) flags |= kFlagMore;
  if (part.is_subscribe()) flags |= kFlagSubscribe;
  if (part.is_cancel()) flags |= kFlagCancel;
  return flags;
}

std::byte* PutHeader(std::byte* place, size_t length, ChunkKind kind, uint8_t flags) {
  const ChunkHeader header{static_cast<uint32_t>(length), kind, flags, 0};
  std::memcpy(place, &header, sizeof(header));
  return place + sizeof(header);
}

std::byte* PutWhole(std::byte* place, zmq::msg_t& part) {
  const size_t size = part.size();
  place = PutHeader(place, size, kWhole, FlagsOf(part));
  std::memcpy(place, part.data(), size);
  return place + Padded(size);
}

// What a message would like the ring to be: room for a few that are large...
constexpr size_t kMessagesInRing = 8;
// ... and, when the ring was full, for as many small ones as the usual high-water marks let
// through.
constexpr size_t kSmallMessagesInRing = 8192;

}  // namespace

// A block that holds the part, ready to be referred to. False: none to be had.
bool Writer::WriteBlock(zmq::msg_t& part, std::byte* place) {
  const auto& arena = link_->arena();
  if (arena == nullptr) return false;
  const size_t size = part.size();
  const auto put = [&](ChunkKind kind, const shm::BlockReference& reference) {
    std::memcpy(PutHeader(place, sizeof(reference), kind, FlagsOf(part)), &reference,
                sizeof(reference));
  };
  const auto refer = [&](uint32_t block) {
    // A block is never larger than what 32 bits can say (Arena).
    const shm::BlockReference reference{block, 0, static_cast<uint32_t>(size), 0};
    if (!link_->LendBlock(reference)) return false;
    put(kBlock, reference);
    return true;
  };
  // It may lie in shared memory already: in this side's, or in the peer's, whence it came.
  if (const auto own = MessageMemory::BlockOf(part, arena.get()); own && refer(*own)) return true;
  if (shm::Lease* lease = MessageMemory::LeaseOf(part); lease != nullptr) {
    const auto* data = static_cast<const std::byte*>(part.data());
    if (const auto peers = link_->SendBack(lease, {data, size})) {
      put(kReturned, *peers);
      return true;
    }
  }
  const auto block = arena->Allocate(size);
  if (!block) return false;
  const bool lent = refer(block->number);
  if (lent) std::memcpy(block->data, part.data(), size);
  arena->Free(block->number);
  return lent;
}

bool Writer::SendSmall(zmq::msg_t& message) {
  return SendSmall({static_cast<const std::byte*>(message.data()), message.size()},
                   FlagsOf(message));
}

bool Writer::SendSmall(std::span<const std::byte> body, uint8_t flags) {
  if (body.size() >= MessageMemory::kFromBytes) return false;
  const ChunkHeader header{static_cast<uint32_t>(body.size()), kWhole, flags, 0};
  if (!link_->SendMessage(std::as_bytes(std::span(&header, 1)), body)) return false;
  last_bytes_ = ChunkBytes(body.size());
  return true;
}

bool Writer::HasRoomFor(size_t messages) const {
  const size_t most = link_->max_record();
  return last_bytes_ < most && link_->Reserve(std::min(most, messages * last_bytes_)) != nullptr;
}

Writer::Outcome Writer::WriteWhole(std::span<zmq::msg_t> parts) {
  size_t bytes = 0, large = 0;
  for (const zmq::msg_t& part : parts) {
    const bool in_block = MessageMemory::IsLarge(part);
    large += in_block ? 1 : 0;
    bytes += ChunkBytes(in_block ? sizeof(shm::BlockReference) : part.size());
  }
  if (bytes > link_->max_record()) {
    link_->WantRingBytes(bytes * kMessagesInRing);
    return Outcome::kPieces;
  }
  // Several large parts are rare: one of them may find no block after others have.
  if (large > 1) return Outcome::kPieces;
  std::byte* place = link_->Reserve(bytes);
  if (place == nullptr) {
    link_->WantRingBytes(shm::RecordBytes(bytes) * kSmallMessagesInRing);
    return Outcome::kNoRoom;
  }
  for (zmq::msg_t& part : parts) {
    if (!MessageMemory::IsLarge(part)) {
      place = PutWhole(place, part);
    } else if (WriteBlock(part, place)) {
      place += ChunkBytes(sizeof(shm::BlockReference));
    } else {
      return Outcome::kNoRoom;  // what was reserved is simply not committed
    }
  }
  link_->Commit(bytes);
  last_bytes_ = large > 0 ? SIZE_MAX : bytes;
  return Outcome::kWritten;
}

Writer::Progress Writer::WritePieces(std::span<zmq::msg_t> parts) {
  for (; part_ < parts.size(); ++part_, written_ = 0, begun_ = false) {
    zmq::msg_t& part = parts[part_];
    const size_t size = part.size();
    const size_t most = link_->max_record();
    if (!begun_ && MessageMemory::IsLarge(part)) {
      std::byte* place = link_->Reserve(ChunkBytes(sizeof(shm::BlockReference)));
      awaited_bytes_ = ChunkBytes(sizeof(shm::BlockReference));
      if (place == nullptr) return Progress::kFull;
      if (WriteBlock(part, place)) {
        link_->Commit(awaited_bytes_);
        link_->Publish();
        continue;
      }
      link_->WantRingBytes(size);
    }
    if (!begun_ && ChunkBytes(size) <= most) {
      std::byte* place = link_->Reserve(ChunkBytes(size));
      awaited_bytes_ = ChunkBytes(size);
      if (place == nullptr) return Progress::kFull;
      PutWhole(place, part);
      link_->Commit(awaited_bytes_);
      link_->Publish();
      continue;
    }
    while (!begun_ || written_ < size) {
      const size_t head = sizeof(ChunkHeader) + (begun_ ? 0 : sizeof(uint64_t));
      const size_t piece = std::min(size - written_, (link_->max_record() - head) & ~size_t{7});
      const size_t bytes = Padded(head + piece);
      std::byte* place = link_->Reserve(bytes);
      awaited_bytes_ = bytes;
      if (place == nullptr) return Progress::kFull;
      const size_t length = piece + (begun_ ? 0 : sizeof(uint64_t));
      place = PutHeader(place, length, begun_ ? kRest : kStart, FlagsOf(part));
      if (!begun_) {
        const uint64_t total = size;
        std::memcpy(place, &total, sizeof(total));
        place += sizeof(total);
      }
      std::memcpy(place, static_cast<const std::byte*>(part.data()) + written_, piece);
      link_->Commit(bytes);
      link_->Publish();
      begun_ = true;
      written_ += piece;
    }
  }
  part_ = 0;
  return Progress::kDone;
}

}  // namespace samehost::zmq_transport
