// Sending: what a stream has to say goes straight into the ring, on the thread that says it. What
// finds no room waits in line, control frames first, then streams in turn, a record each.
#include <algorithm>
#include <cstring>
#include <utility>

#include "plugin/grpc/transport_impl.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/slice/slice_internal.h"

namespace samehost::grpc_transport {
namespace {

// A piece of a message: large enough to amortise a record, small enough that the reader copies
// one piece while the next is written, and that other streams get their turn.
constexpr size_t kMaxChunk = 64 * 1024;
// For one message at a time a larger ring only means colder memory; many at once grow it further.
constexpr size_t kRingForOneMessage = 512 * 1024;
constexpr size_t kPublishAtOnce = 16 * 1024;
// A peer that makes us queue more control frames than this without reading is not a peer.
constexpr size_t kMaxQueuedControl = 100'000;

// Whether the batch has nothing that the application put there, as gRPC decides on Trailers-Only.
class CustomEntryFinder {
 public:
  void Encode(const grpc_core::Slice&, const grpc_core::Slice&) { found_ = true; }
  template <class Trait>
  void Encode(Trait, const typename Trait::ValueType&) {}
  bool found() const { return found_; }

 private:
  bool found_ = false;
};

bool OnlyDefaults(const grpc_metadata_batch& batch) {
  CustomEntryFinder finder;
  batch.Encode(&finder);
  return !finder.found();
}

// Metadata too large for one record: encoded once, and counted now.
void KeepEncoded(Stream* s, const std::string& encoded, size_t* header_bytes) {
  s->encoded = encoded;
  s->stats.outgoing.header_bytes += std::exchange(*header_bytes, 0);
}

std::byte* Put(std::byte* at, const void* bytes, size_t size) {
  std::memcpy(at, bytes, size);
  return at + size;
}

}  // namespace

void Transport::PublishRecords() {
  if (!unpublished_) return;
  unpublished_ = false;
  link_->Publish();
}

// The end of every critical section that may have sent something.
void Transport::Publish() {
  PublishRecords();
  // SUBTLE: every record that found room has made the link forget that others wait for more.
  while (SomebodyWaitsForRoom() && closed_error_.ok() && !link_->AwaitRoom(room_wanted_)) {
    WriteBlocked();
    PublishRecords();
  }
  awaits_room_.store(SomebodyWaitsForRoom(), std::memory_order_relaxed);
}

// ---- Control frames --------------------------------------------------------------------------

void Transport::SendControl(const FrameHeader& header, absl::string_view body) {
  std::string frame(reinterpret_cast<const char*>(&header), sizeof header);
  frame.append(body.data(), body.size());
  control_.push_back(std::move(frame));
  if (!FlushControl() && control_.size() > kMaxQueuedControl) {
    CloseLocked(GRPC_ERROR_CREATE("samehost: the peer does not read"));
  }
}

bool Transport::FlushControl() {
  while (!control_.empty()) {
    const std::string& frame = control_.front();
    std::byte* at = link_->Reserve(frame.size());
    if (at == nullptr) {
      room_wanted_ = frame.size();
      return false;
    }
    std::memcpy(at, frame.data(), frame.size());
    link_->Commit(frame.size());
    unpublished_ = true;
    control_.pop_front();
  }
  return true;
}

// ---- Streams ---------------------------------------------------------------------------------

// Room for a record of `s`, or nullptr: then `s` stands in line and Publish() sees to the rest.
std::byte* Transport::ReserveFor(Stream* s, size_t bytes) {
  // Control frames first, then whoever is in line before us (unless it is our turn).
  if (control_.empty() && (waiting_for_room_.empty() || s->waits_for_room)) {
    if (std::byte* at = link_->Reserve(bytes)) return at;
    room_wanted_ = bytes;
  }
  PublishRecords();
  link_->WantRingBytes(link_->max_record() * 8);
  NoteLargeTraffic();
  if (!s->waits_for_room) {
    s->waits_for_room = true;
    waiting_for_room_.push_back(s);
  }
  return nullptr;
}

void Transport::WriteBlocked() {
  if (!FlushControl()) return;
  // A record each, in turn, so that a large message does not hold up the others.
  while (!waiting_for_room_.empty()) {
    Stream* s = waiting_for_room_.front();
    bool progress = false;
    const bool more = WriteStep(s, &progress);
    if (!progress && s->waits_for_room && more) return;  // still no room
    if (!s->waits_for_room) continue;                    // ended in the meantime
    waiting_for_room_.pop_front();
    if (more) {
      waiting_for_room_.push_back(s);
    } else {
      s->waits_for_room = false;
    }
  }
}

void Transport::WriteStream(Stream* s) {
  if (s->waits_for_room) return;  // in line
  bool progress = true;
  while (progress && WriteStep(s, &progress)) {
  }
}

// Metadata larger than a record: pieces first, the rest goes with the flag in an ordinary frame.
bool Transport::WriteMetadataPieces(Stream* s, bool trailing) {
  const size_t max = link_->max_record() - sizeof(FrameHeader);
  while (s->encoded.size() - s->encoded_sent > max) {
    std::byte* at = ReserveFor(s, sizeof(FrameHeader) + max);
    if (at == nullptr) return false;
    FrameHeader header;
    header.stream = s->id;
    (trailing ? header.trailing_size : header.initial_size) = static_cast<uint32_t>(max);
    at = Put(at, &header, sizeof header);
    Put(at, s->encoded.data() + s->encoded_sent, max);
    link_->Commit(sizeof header + max);
    unpublished_ = true;
    s->encoded_sent += max;
  }
  std::string& scratch = trailing ? scratch_trailing_ : scratch_initial_;
  scratch.assign(s->encoded, s->encoded_sent);
  return true;
}

// Whether what comes next of the message lies in a block that the peer has mapped.
bool Transport::Refers(const Stream& s, shm::BlockReference* reference) const {
  if (send_memory_ == nullptr || s.copy_bytes > 0 || s.message.Count() == 0) return false;
  return send_memory_->Holds(s.message.c_slice_buffer()->slices[0], reference);
}

// How much of the message comes before anything that can be referred to.
size_t Transport::BytesToCopy(const Stream& s) const {
  if (send_memory_ == nullptr) return s.message.Length();
  if (s.copy_bytes > 0) return s.copy_bytes;
  const grpc_slice_buffer* buffer = s.message.c_slice_buffer();
  shm::BlockReference ignored;
  size_t bytes = 0;
  for (size_t i = 0; i < buffer->count; ++i) {
    // The first one is asked for only when there is no credit to send it with.
    if (i > 0 && send_memory_->Holds(buffer->slices[i], &ignored)) break;
    bytes += GRPC_SLICE_LENGTH(buffer->slices[i]);
  }
  return bytes;
}

// Writes one record of what `s` has to send. True when there is more that could go (room or
// not), false when it has nothing to send or waits for credit.
bool Transport::WriteStep(Stream* s, bool* progress) {
  *progress = false;
  if (s->write_closed || s->id == 0) return false;
  bool with_initial = s->send_initial != nullptr;
  if (!with_initial && !s->initial_was_sent) return false;
  const bool has_message = s->message_done != nullptr;
  // A server that has nothing but a status answers with trailers only, on which retries depend.
  if (!is_client_ && with_initial && !has_message && s->send_trailing != nullptr &&
      OnlyDefaults(*s->send_initial)) {
    with_initial = false;
  }

  const size_t max = link_->max_record() - sizeof(FrameHeader);
  size_t header_bytes = 0;  // counted when the record is written: what finds no room comes again
  scratch_initial_.clear();
  if (with_initial) {
    if (s->encoded.empty()) {
      header_bytes = EncodeMetadata(*s->send_initial, &scratch_initial_);
      scratch_initial_ += user_agent_;
      if (scratch_initial_.size() > max) KeepEncoded(s, scratch_initial_, &header_bytes);
    }
    if (!s->encoded.empty() && !WriteMetadataPieces(s, /*trailing=*/false)) return true;
  }

  const size_t left = has_message ? s->message.Length() : 0;
  const size_t credit = static_cast<size_t>(std::max<int64_t>(0, s->send_credit));
  shm::BlockReference reference;
  size_t chunk = 0;  // bytes of the message that go with this record
  const bool refers = credit > 0 && has_message && Refers(*s, &reference);
  if (refers) {
    chunk = reference.length = static_cast<uint32_t>(std::min<size_t>(reference.length, credit));
  } else if (has_message) {
    // All of it in one record where it fits (the receiver can take it without a copy), else in
    // pieces.
    const size_t to_copy = BytesToCopy(*s);
    chunk = std::min({to_copy, credit, max - std::min(max, scratch_initial_.size())});
    if (chunk < to_copy) chunk = std::min(chunk, kMaxChunk);
  }
  const size_t body = refers ? sizeof reference : chunk;  // bytes of it in the record
  const bool begins = has_message && !s->message_begun;
  const bool message_ends = has_message && chunk == left;
  if (has_message && !with_initial && !begins && chunk == 0) return false;  // waits for credit

  bool with_trailing = s->send_trailing != nullptr && (!has_message || message_ends);
  scratch_trailing_.clear();
  if (with_trailing) {
    if (s->encoded.empty() || with_initial) {
      size_t trailing_bytes = EncodeMetadata(*s->send_trailing, &scratch_trailing_);
      if (scratch_initial_.size() + body + scratch_trailing_.size() > max) {
        with_trailing = !with_initial && !has_message;
        if (with_trailing) KeepEncoded(s, scratch_trailing_, &trailing_bytes);
        scratch_trailing_.clear();
      }
      if (with_trailing) header_bytes += trailing_bytes;
    }
    if (with_trailing && !with_initial && !s->encoded.empty() &&
        !WriteMetadataPieces(s, /*trailing=*/true)) {
      return true;
    }
  }
  if (!with_initial && !has_message && !with_trailing) return false;
  if (begins && !refers && left > max / 2) {
    link_->WantRingBytes(std::min(left * 4, kRingForOneMessage));
    NoteLargeTraffic();
  }

  const size_t size =
      sizeof(FrameHeader) + scratch_initial_.size() + body + scratch_trailing_.size();
  std::byte* at = ReserveFor(s, size);
  if (at == nullptr) return true;
  if (refers && !link_->LendBlock(reference)) {
    s->copy_bytes = GRPC_SLICE_LENGTH(s->message.c_slice_buffer()->slices[0]);
    return WriteStep(s, progress);
  }
  FrameHeader header;
  header.stream = s->id;
  header.flags =
      (with_initial ? frame_flag::kInitial : 0) | (begins ? frame_flag::kMessageBegin : 0) |
      (with_trailing ? frame_flag::kTrailing : 0) | (refers ? frame_flag::kReference : 0) |
      (begins && (s->message_flags & GRPC_WRITE_INTERNAL_COMPRESS) ? frame_flag::kCompressed : 0);
  header.initial_size = static_cast<uint32_t>(scratch_initial_.size());
  header.chunk_size = static_cast<uint32_t>(body);
  header.trailing_size = static_cast<uint32_t>(scratch_trailing_.size());
  header.message_size = begins ? s->message_size : 0;
  at = Put(at, &header, sizeof header);
  at = Put(at, scratch_initial_.data(), scratch_initial_.size());
  if (refers) {
    at = Put(at, &reference, sizeof reference);
    grpc_core::SliceBuffer sent;
    grpc_slice_buffer_move_first(s->message.c_slice_buffer(), chunk, sent.c_slice_buffer());
  } else if (chunk > 0) {
    s->message.MoveFirstNBytesIntoBuffer(chunk, at);
    s->copy_bytes -= std::min(s->copy_bytes, chunk);
    at += chunk;
  }
  Put(at, scratch_trailing_.data(), scratch_trailing_.size());
  link_->Commit(size);
  unpublished_ = true;
  if (chunk >= kPublishAtOnce) PublishRecords();
  *progress = true;
  ResetPingClock();
  s->stats.outgoing.framing_bytes += sizeof header;
  s->stats.outgoing.header_bytes += header_bytes;

  if (s->send_initial != nullptr && (with_initial || with_trailing)) {
    s->send_initial = nullptr;
    s->initial_was_sent = true;
    if (with_initial) {
      s->encoded.clear();
      s->encoded_sent = 0;
    }
    CompleteStep(&s->initial_done, absl::OkStatus());
  }
  if (has_message) {
    s->message_begun = true;
    s->send_credit -= static_cast<int64_t>(chunk);
    if (message_ends) {
      if (socket_node_ != nullptr) socket_node_->RecordMessagesSent(1);
      link_->CountMessageSent();
      CompleteStep(&s->message_done, absl::OkStatus());
    }
  }
  if (with_trailing) {
    SentTrailing(s);
    return false;
  }
  return s->message_done != nullptr || s->send_trailing != nullptr;
}

void Transport::SentTrailing(Stream* s) {
  s->send_trailing = nullptr;
  if (s->trailing_sent != nullptr) {
    *s->trailing_sent = true;
    s->trailing_sent = nullptr;
  }
  s->trailing_was_sent = true;
  CompleteStep(&s->trailing_done, absl::OkStatus());
  // A server's status ends both directions: the client learns it from the same frame.
  MarkClosed(s, !is_client_, true, absl::OkStatus());
}

}  // namespace samehost::grpc_transport
