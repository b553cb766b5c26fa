// Receiving: one thread at a time takes records out of the ring and hands their parts up. Every
// word of a frame is copied and checked before it is believed.
#include <algorithm>
#include <cstring>
#include <utility>

#include "plugin/grpc/lent_slice.h"
#include "plugin/grpc/transport_impl.h"
#include "src/core/lib/gprpp/status_helper.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/slice/slice_internal.h"
#include "src/core/lib/transport/http2_errors.h"

namespace samehost::grpc_transport {
namespace {

// After this many records the closures they led to get to run.
constexpr int kRecordsPerPoll = 128;
// Smaller pieces are cheaper to copy than to lend.
constexpr size_t kLendFrom = 8 * 1024;
// With more calls than this under way, messages wait for their handlers for so long that lent ones
// hold up the ring.
constexpr size_t kLendUpToStreams = 4;
// A large message is put together in blocks of at most this: an announced size is only a claim.
constexpr uint32_t kBlock = 4 * 1024 * 1024;
constexpr uint32_t kLeastBlock = 64 * 1024;

}  // namespace

void Transport::Poll() {
  if (!read_mu_.try_lock()) return;  // another thread reads; whoever looks next finds the rest
  std::unique_lock<std::mutex> reading(read_mu_, std::adopt_lock);
  // The caller has slept, or looked for long: deadlines that come in count from now, not from the
  // time that gRPC remembers.
  grpc_core::ExecCtx::Get()->InvalidateNow();
  ReadRecords(kRecordsPerPoll);
  std::lock_guard<std::mutex> lock(mu_);
  Publish();  // and lets go on whoever waits for room
}

// Takes up to `most` records. The caller is the reader (read_mu_).
void Transport::ReadRecords(uint64_t most) {
  shm::Record record;
  for (uint64_t n = 0; n < most; ++n) {
    const shm::Link::Take take = link_->Next(&record);
    if (take == shm::Link::Take::kEmpty) break;
    if (take == shm::Link::Take::kBroken) {
      Violation(ToString(link_->broken()).c_str());
      break;
    }
    if (!OnRecord(record)) break;
  }
  link_->FlushDone();
}

bool Transport::Violation(const char* rule) {
  Close(grpc_error_set_int(
      GRPC_ERROR_CREATE(absl::StrCat("samehost: the peer broke the protocol: ", rule)),
      grpc_core::StatusIntProperty::kRpcStatus, GRPC_STATUS_UNAVAILABLE));
  return false;
}

bool Transport::OnRecord(const shm::Record& record) {
  Frame frame;
  bool ok = false;
  bool lent = false;
  if (!ParseFrame(record.bytes, &frame)) {
    ok = Violation("malformed frame");
  } else {
    switch (frame.header.kind) {
      case FrameKind::kData:
        ok = OnData(frame, record, &lent);
        break;
      case FrameKind::kReset:
        ok = OnReset(frame.header);
        break;
      case FrameKind::kCredit:
        ok = OnCredit(frame.header);
        break;
      case FrameKind::kSettings:
        ok = OnSettings(frame.header);
        break;
      case FrameKind::kPing:
        ok = OnPing(frame.header);
        break;
      case FrameKind::kPong:
        ok = OnPong(frame.header);
        break;
      case FrameKind::kGoaway:
        ok = OnGoaway(frame);
        break;
      default:
        ok = Violation("unknown frame");
        break;
    }
  }
  if (!lent) link_->Done(record);
  return ok;
}

Stream* Transport::Find(uint64_t id) {
  auto it = streams_.find(id);
  return it == streams_.end() ? nullptr : it->second;
}

// ---- Parts of a call -------------------------------------------------------------------------

Stream* Transport::AcceptStream(const Frame& frame) {
  const uint64_t id = frame.header.stream;
  if (is_client_ || id <= last_accepted_id_ || accept_stream_ == nullptr) return nullptr;
  if (goaway_sent_ == Goaway::kFinal || !closed_error_.ok()) return nullptr;
  last_accepted_id_ = id;
  if (streams_.size() >= max_streams_) {
    FrameHeader reset;
    reset.kind = FrameKind::kReset;
    reset.stream = id;
    reset.value = GRPC_HTTP2_REFUSED_STREAM;
    SendControl(reset);
    return nullptr;
  }
  if (socket_node_ != nullptr) socket_node_->RecordStreamStartedFromRemote();
  mu_.unlock();  // gRPC calls InitStream from within
  accept_stream_(accept_stream_data_, &base.transport, &id);
  mu_.lock();
  return Find(id);
}

bool Transport::OnData(const Frame& frame, const shm::Record& record, bool* lent) {
  shm::Borrowed borrowed;  // given back unless somebody keeps it
  if (frame.header.flags & frame_flag::kReference) {
    shm::BlockReference reference;
    if (frame.chunk.size() != sizeof reference) return Violation("reference to a block");
    std::memcpy(&reference, frame.chunk.data(), sizeof reference);
    borrowed = link_->Borrow(reference);
    if (!borrowed.lease.valid()) return Violation("reference to a block");
  }
  mu_.lock();
  Stream* s = Find(frame.header.stream);
  if (s == nullptr) s = AcceptStream(frame);
  if (s == nullptr || s->read_closed) {  // it ended here before the peer knew
    mu_.unlock();
    return true;
  }
  grpc_stream_ref(s->refcount, "OnData");
  s->stats.incoming.framing_bytes += sizeof(FrameHeader);
  const FrameHeader& h = frame.header;
  const char* violated = nullptr;
  if ((h.initial_size > 0 || (h.flags & frame_flag::kInitial)) && !OnInitial(s, frame)) {
    violated = "initial metadata";
  } else if ((h.chunk_size > 0 || (h.flags & frame_flag::kMessageBegin)) && !s->read_closed &&
             !OnChunk(s, frame, record, std::move(borrowed), lent)) {
    violated = "message";
  } else if ((h.trailing_size > 0 || (h.flags & frame_flag::kTrailing)) && !s->read_closed &&
             !OnTrailing(s, frame)) {
    violated = "trailing metadata";
  } else {
    GrantCredit(s);
  }
  grpc_stream_unref(s->refcount, "OnData");
  mu_.unlock();
  return violated == nullptr || Violation(violated);
}

namespace {

grpc_error_handle MetadataTooLarge() {
  return grpc_error_set_int(GRPC_ERROR_CREATE("received initial metadata size exceeds limit"),
                            grpc_core::StatusIntProperty::kRpcStatus,
                            GRPC_STATUS_RESOURCE_EXHAUSTED);
}

// Pieces of metadata are kept up to some way above the limit, then only counted as too large.
bool KeepPiece(std::string* pieces, std::span<const std::byte> bytes, uint32_t limit) {
  if (pieces->size() + bytes.size() > size_t{2} * limit + 64 * 1024) return false;
  pieces->append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return true;
}

}  // namespace

bool Transport::OnInitial(Stream* s, const Frame& frame) {
  if (s->initial_published != Published::kNot) return false;
  const bool kept = KeepPiece(&s->initial_pieces, frame.initial, max_metadata_bytes_);
  if (kept && !(frame.header.flags & frame_flag::kInitial)) return true;
  size_t size = 0;
  const auto outcome =
      kept ? decoder_.Decode(s->initial_pieces, max_metadata_bytes_, &s->initial_buffer, &size)
           : MetadataDecoder::Outcome::kTooLarge;
  s->initial_pieces.clear();
  if (outcome == MetadataDecoder::Outcome::kMalformed) return false;
  if (outcome == MetadataDecoder::Outcome::kTooLarge) {
    CancelStream(s, MetadataTooLarge());
    return true;
  }
  s->stats.incoming.header_bytes += size;
  s->initial_published = Published::kFromWire;
  MaybeCompleteInitial(s);
  return true;
}

bool Transport::OnTrailing(Stream* s, const Frame& frame) {
  const bool kept = KeepPiece(&s->trailing_pieces, frame.trailing, max_metadata_bytes_);
  if (kept && !(frame.header.flags & frame_flag::kTrailing)) return true;
  size_t size = 0;
  const auto outcome =
      kept ? decoder_.Decode(s->trailing_pieces, max_metadata_bytes_, &s->trailing_buffer, &size)
           : MetadataDecoder::Outcome::kTooLarge;
  s->trailing_pieces.clear();
  if (outcome == MetadataDecoder::Outcome::kMalformed) return false;
  if (outcome == MetadataDecoder::Outcome::kTooLarge) {
    CancelStream(s, MetadataTooLarge());
    return true;
  }
  s->stats.incoming.header_bytes += size;
  if (is_client_) {
    // gRPC's retries take it for granted.
    if (!s->trailing_buffer.get(grpc_core::GrpcStatusMetadata()).has_value()) return false;
    s->trailing_buffer.Set(grpc_core::GrpcStatusFromWire(), true);
    if (s->initial_published == Published::kNot) {
      s->trailers_only = true;
      if (s->trailing_available != nullptr) *s->trailing_available = true;
    }
  }
  // An end without metadata is a half-close, as END_STREAM on the last DATA frame of HTTP/2.
  if (is_client_ || !s->trailing_buffer.empty()) s->trailing_published = Published::kFromWire;
  // The server's status ends the call in both directions; the client's end is only a half-close.
  MarkClosed(s, true, is_client_, absl::OkStatus());
  return true;
}

bool Transport::OnChunk(Stream* s, const Frame& frame, const shm::Record& record,
                        shm::Borrowed borrowed, bool* lent) {
  const FrameHeader& h = frame.header;
  const uint32_t size =
      borrowed.lease.valid() ? static_cast<uint32_t>(borrowed.bytes.size()) : h.chunk_size;
  if (s->initial_published == Published::kNot) return false;
  if (h.flags & frame_flag::kMessageBegin) {
    if (s->partial != nullptr) return false;
    s->partial = std::make_unique<IncomingMessage>();
    s->partial->size = h.message_size;
    if (h.flags & frame_flag::kCompressed) s->partial->flags = GRPC_WRITE_INTERNAL_COMPRESS;
  }
  if (s->partial == nullptr || size > s->partial->size - s->partial->received) return false;
  if (size > s->granted) return false;
  s->granted -= size;
  s->buffered += size;
  s->stats.incoming.data_bytes += size;
  if (borrowed.lease.valid()) {
    AppendBorrowed(s, std::move(borrowed));
  } else if (size > 0) {
    AppendChunk(s, frame.chunk, record, lent);
  }
  s->partial->received += size;
  if (s->partial->received < s->partial->size) return true;
  link_->CountMessageReceived();
  IncomingMessage* complete = s->partial.get();
  if (s->last_message == nullptr) {
    s->first_message = std::move(s->partial);
  } else {
    s->last_message->next = std::move(s->partial);
  }
  s->last_message = complete;
  MaybeCompleteMessage(s);
  return true;
}

// Lends a message that came whole where that is cheaper than a copy and allowed; else copies it to
// its place. SUBTLE: never lends pieces of a message that is still coming: they would hold up the
// ring that the rest needs.
void Transport::AppendChunk(Stream* s, std::span<const std::byte> chunk, const shm::Record& record,
                            bool* lent) {
  IncomingMessage* m = s->partial.get();
  const size_t size = chunk.size();
  if (size >= kLendFrom && size == m->size && streams_.size() <= kLendUpToStreams) {
    shm::Lease lease = link_->Lend(record);
    if (lease.valid()) {
      *lent = true;
      m->data.Append(MakeLentSlice(std::move(lease), chunk));
      return;
    }
  }
  if (size == m->size) {
    grpc_slice slice = AllocateSlice(size);
    std::memcpy(GRPC_SLICE_START_PTR(slice), chunk.data(), size);
    m->data.Append(grpc_core::Slice(slice));
    return;
  }
  std::span<const std::byte> rest = chunk;
  while (!rest.empty()) {
    if (s->assembled == 0) {
      const uint32_t still = m->size - m->received - static_cast<uint32_t>(size - rest.size());
      // Not more than the peer has credit for: what it announces is only a claim.
      const uint64_t credible = static_cast<uint64_t>(s->granted) + size;
      s->assembling = AllocateSlice(static_cast<size_t>(
          std::min<uint64_t>({still, kBlock, std::max<uint64_t>(credible, kLeastBlock)})));
    }
    const size_t room = GRPC_SLICE_LENGTH(s->assembling) - s->assembled;
    const size_t n = std::min(room, rest.size());
    std::memcpy(GRPC_SLICE_START_PTR(s->assembling) + s->assembled, rest.data(), n);
    s->assembled += static_cast<uint32_t>(n);
    rest = rest.subspan(n);
    if (n == room) {
      m->data.Append(grpc_core::Slice(std::exchange(s->assembling, grpc_empty_slice())));
      s->assembled = 0;
    }
  }
}

// What lies in the peer's arena stays there until its user has done with it.
void Transport::AppendBorrowed(Stream* s, shm::Borrowed borrowed) {
  IncomingMessage* m = s->partial.get();
  if (s->assembled > 0) {
    GRPC_SLICE_SET_LENGTH(s->assembling, s->assembled);
    m->data.Append(grpc_core::Slice(std::exchange(s->assembling, grpc_empty_slice())));
    s->assembled = 0;
  }
  NoteLargeTraffic();
  grpc_core::MemoryAllocator::Reservation reservation;
  if (memory_owner_ != nullptr) {
    reservation = memory_owner_->MakeReservation(borrowed.bytes.size());
  }
  m->data.Append(MakeLentSlice(std::move(borrowed.lease), borrowed.bytes, std::move(reservation)));
}

// ---- Credit ----------------------------------------------------------------------------------

void Transport::GrantCredit(Stream* s) {
  if (s->read_closed || s->id == 0) return;
  int64_t more = 0;
  if (s->partial != nullptr && s->recv_message_ready != nullptr) {
    // The application waits for this very message: let all of it come.
    more = int64_t{s->partial->size} - s->partial->received - s->granted;
  } else {
    const int64_t taken = kInitialCredit - s->granted - s->buffered;
    if (taken >= kInitialCredit / 2) more = taken;
  }
  if (more <= 0) return;
  s->granted += more;
  FrameHeader credit;
  credit.kind = FrameKind::kCredit;
  credit.stream = s->id;
  credit.value = static_cast<uint32_t>(more);
  SendControl(credit);
}

bool Transport::OnCredit(const FrameHeader& header) {
  std::lock_guard<std::mutex> lock(mu_);
  Stream* s = Find(header.stream);
  if (s == nullptr) return true;
  s->send_credit = std::min<int64_t>(s->send_credit + header.value, INT64_MAX / 2);
  WriteStream(s);
  return true;
}

// ---- Other frames ----------------------------------------------------------------------------

bool Transport::OnReset(const FrameHeader& header) {
  std::lock_guard<std::mutex> lock(mu_);
  Stream* s = Find(header.stream);
  if (s == nullptr) return true;
  grpc_error_handle error;
  if (header.value != GRPC_HTTP2_NO_ERROR || s->trailing_buffer.empty()) {
    error = grpc_error_set_int(
        grpc_error_set_str(GRPC_ERROR_CREATE("RST_STREAM"),
                           grpc_core::StatusStrProperty::kGrpcMessage,
                           absl::StrCat("Received RST_STREAM with error code ", header.value)),
        grpc_core::StatusIntProperty::kHttp2Error, static_cast<intptr_t>(header.value));
  }
  MarkClosed(s, true, true, error);
  return true;
}

bool Transport::OnSettings(const FrameHeader& header) {
  std::lock_guard<std::mutex> lock(mu_);
  settings_received_ = true;
  peer_max_streams_ = header.value;
  peer_max_metadata_bytes_ = header.message_size;
  MaybeStartStreams();
  return true;
}

}  // namespace samehost::grpc_transport
