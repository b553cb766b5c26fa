#include "plugin/zmq/reader.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "plugin/base/log.h"
#include "plugin/zmq/frame.h"
#include "plugin/zmq/message_memory.h"

namespace samehost::zmq_transport {
namespace {

// Often enough for the sender never to stand still, seldom enough to cost little.
uint64_t TellEvery(uint64_t mark) { return mark == 0 ? UINT64_MAX : (mark + 3) / 4; }

// A message begins where its block does.
bool ReadReference(const std::byte* bytes, size_t length, shm::BlockReference* reference) {
  if (length != sizeof(*reference)) return false;
  std::memcpy(reference, bytes, sizeof(*reference));
  return reference->offset == 0;
}

}  // namespace

Reader::Reader(std::shared_ptr<shm::Link> link, std::shared_ptr<Turn> turn,
               zmq::metadata_t* metadata, int64_t max_message_bytes, uint64_t mark,
               uint64_t local_before_in)
    : local_before(local_before_in),
      link_(std::move(link)),
      turn_(std::move(turn)),
      metadata_(metadata),
      max_message_bytes_(max_message_bytes),
      tell_every_(TellEvery(mark)) {
  piece_.init();
}

Reader::~Reader() {
  piece_.close();
  for (size_t i = next_; i < ready_.size(); ++i) ready_[i].close();
  if (metadata_ != nullptr && metadata_->drop_ref()) delete metadata_;
}

void RefusePeer(shm::Link* link, Turn* turn, const char* rule) {
  LogOnce(LogLevel::kWarning, std::string("zmq peer ") + rule,
          std::string("zmq: a peer's connection is closed: ") + rule);
  turn->refused.store(true, std::memory_order_relaxed);  // relaxed: the socket's end orders it
  link->Close();
}

Reader::State Reader::Refuse(const char* rule) {
  RefusePeer(link_.get(), turn_.get(), rule);
  return State::kOver;
}

Reader::State Reader::Look() {
  if (next_ < complete_) return State::kMessage;
  if (rule_ != nullptr) return Refuse(rule_);
  for (;;) {
    if (turn_->input_ended.load(std::memory_order_acquire)) {  // SYNC(ended)
      end_ = std::min(end_, turn_->input_end);
    }
    if (position_ >= end_) return State::kOver;
    shm::Record record;
    const shm::Link::Take took = link_->Next(&record);
    if (took == shm::Link::Take::kEmpty) return end_ != UINT64_MAX ? State::kOver : State::kEmpty;
    if (took == shm::Link::Take::kBroken) {
      rule_ = "the ring is broken";
      return Refuse(rule_);
    }
    position_ = record.end;
    if (position_ > end_) return State::kOver;
    const bool good = Read(record);
    link_->Done(record);
    if (!good) return Refuse(rule_);
    if (next_ < complete_) return State::kMessage;
  }
}

void Reader::End() { end_ = std::min(end_, link_->InputEnd()); }

void Reader::CountTaken() {
  ++taken_;
  link_->CountMessageReceived();
  link_->SetMessagesTaken(taken_);
  if (taken_ - told_ >= tell_every_) {
    told_ = taken_;
    link_->FlushDone();
  }
}

bool Reader::TakeSmall(zmq::msg_t* message) {
  if (!ready_.empty() || piece_size_ != 0 || rule_ != nullptr || end_ != UINT64_MAX ||
      turn_->input_ended.load(std::memory_order_relaxed)) {  // relaxed: Look() reads with acquire
    return false;
  }
  shm::Record record;
  if (link_->Next(&record) != shm::Link::Take::kRecord) return false;  // as Look() will find
  position_ = record.end;
  const std::byte* at = record.bytes.data();
  ChunkHeader header = {};
  if (record.bytes.size() >= sizeof(header)) std::memcpy(&header, at, sizeof(header));
  const bool small = header.kind == kWhole && header.flags == 0 && header.zero == 0 &&
                     ChunkBytes(header.length) == record.bytes.size() &&
                     SizeAllowed(header.length) && message->init_size(header.length) == 0;
  if (small) {
    std::memcpy(message->data(), at + sizeof(header), header.length);
    if (metadata_ != nullptr) message->set_metadata(metadata_);
  } else {
    Read(record);  // rule_ says what it breaks
  }
  link_->Done(record);
  if (small) CountTaken();
  return small;
}

void Reader::Take(zmq::msg_t* part) {
  *part = ready_[next_++];
  if ((part->flags() & zmq::msg_t::more) == 0) CountTaken();
  if (next_ == ready_.size()) {
    ready_.clear();
    next_ = complete_ = 0;
  }
}

bool Reader::Read(const shm::Record& record) {
  const std::byte* at = record.bytes.data();
  size_t left = record.bytes.size();
  while (left > 0) {
    ChunkHeader header;
    rule_ = "chunk beyond its record";
    if (left < sizeof(header)) return false;
    std::memcpy(&header, at, sizeof(header));
    if (header.length > left - sizeof(header)) return false;
    const size_t bytes = ChunkBytes(header.length);
    if (bytes > left) return false;
    rule_ = "flags of a message part";
    if ((header.flags & ~kAllFlags) != 0 || header.zero != 0) return false;
    if (!ReadChunk(at + sizeof(header), header.length, header.kind, header.flags)) return false;
    at += bytes;
    left -= bytes;
  }
  rule_ = nullptr;
  return true;
}

bool Reader::SizeAllowed(uint64_t size) const {
  return max_message_bytes_ < 0 || size <= static_cast<uint64_t>(max_message_bytes_);
}

bool Reader::ReadChunk(const std::byte* bytes, size_t length, uint8_t kind, uint8_t flags) {
  zmq::msg_t part;
  rule_ = "kind of a chunk";
  if ((kind == kRest) != (piece_size_ != 0)) return false;
  switch (kind) {
    case kWhole: {
      rule_ = "message larger than ZMQ_MAXMSGSIZE";
      if (!SizeAllowed(length)) return false;
      rule_ = "no memory for a message";
      if (part.init_size(length) != 0) return false;
      std::memcpy(part.data(), bytes, length);
      return Add(&part, flags);
    }
    case kBlock: {
      shm::BlockReference reference;
      rule_ = "reference to a block";
      if (!ReadReference(bytes, length, &reference)) return false;
      shm::Borrowed borrowed = link_->Borrow(reference);
      if (!borrowed.lease.valid()) return false;
      rule_ = "message larger than ZMQ_MAXMSGSIZE";
      if (!SizeAllowed(borrowed.bytes.size())) return false;
      rule_ = "no memory for a message";
      if (!MessageMemory::Borrow(&part, std::move(borrowed))) return false;
      return Add(&part, flags);
    }
    case kReturned: {
      shm::BlockReference reference;
      rule_ = "reference to a block that was lent";
      if (!ReadReference(bytes, length, &reference)) return false;
      const auto returned = link_->TakeBack(reference);
      if (returned.empty()) return false;
      rule_ = "no memory for a message";
      if (!MessageMemory::Own(&part, link_->arena(), reference.block, returned)) return false;
      rule_ = "message larger than ZMQ_MAXMSGSIZE";
      if (!SizeAllowed(returned.size())) {
        part.close();
        return false;
      }
      return Add(&part, flags);
    }
    case kStart: {
      uint64_t total = 0;
      rule_ = "size of a message";
      if (length < sizeof(total)) return false;
      std::memcpy(&total, bytes, sizeof(total));
      const size_t first = length - sizeof(total);
      if (total == 0 || first > total) return false;
      rule_ = "message larger than ZMQ_MAXMSGSIZE";
      if (!SizeAllowed(total)) return false;
      rule_ = "no memory for a message";
      if (total > SIZE_MAX / 2 || piece_.init_size(total) != 0) {
        piece_.init();
        return false;
      }
      piece_size_ = total;
      piece_got_ = 0;
      bytes += sizeof(total);
      length = first;
      break;
    }
    case kRest:
      break;
    default:
      return false;
  }
  rule_ = "pieces larger than their message";
  if (length > piece_size_ - piece_got_) return false;
  std::memcpy(static_cast<std::byte*>(piece_.data()) + piece_got_, bytes, length);
  piece_got_ += length;
  if (piece_got_ < piece_size_) return true;
  piece_size_ = 0;
  part.init();
  part.move(piece_);
  return Add(&part, flags);
}

bool Reader::Add(zmq::msg_t* part, uint8_t flags) {
  if ((flags & kFlagMore) != 0) part->set_flags(zmq::msg_t::more);
  rule_ = "flags of a message part";
  if ((flags & kFlagSubscribe) != 0 && (flags & kFlagCancel) != 0) {
    part->close();
    return false;
  }
  if ((flags & kFlagSubscribe) != 0) part->set_flags(zmq::msg_t::subscribe);
  if ((flags & kFlagCancel) != 0) part->set_flags(zmq::msg_t::cancel);
  if (metadata_ != nullptr) part->set_metadata(metadata_);
  ready_.push_back(*part);
  if ((flags & kFlagMore) == 0) complete_ = ready_.size();
  return true;
}

}  // namespace samehost::zmq_transport
