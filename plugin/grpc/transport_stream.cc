// The life of a stream: closing, cancelling, and when which result is handed up. The rules are
// those that users of gRPC's HTTP/2 transport know; what is on the wire is ours.
#include "plugin/grpc/transport_impl.h"
#include "src/core/lib/gprpp/status_helper.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/slice/slice_internal.h"
#include "src/core/lib/transport/error_utils.h"

namespace samehost::grpc_transport {
namespace {

// One error out of what closed the two directions, plus the new one.
grpc_error_handle Combine(const grpc_error_handle& extra, const Stream& s, const char* message) {
  grpc_error_handle all[3];
  size_t n = 0;
  for (const grpc_error_handle& e : {s.read_closed_error, s.write_closed_error, extra}) {
    if (!e.ok() && (n == 0 || e != all[n - 1])) all[n++] = e;
  }
  return n == 0 ? grpc_error_handle() : GRPC_ERROR_CREATE_REFERENCING(message, all, n);
}

}  // namespace

// ---- Handing up ------------------------------------------------------------------------------

void Transport::MaybeCompleteInitial(Stream* s) {
  if (s->recv_initial_ready == nullptr || s->initial_published == Published::kNot) return;
  *s->recv_initial = std::move(s->initial_buffer);
  s->recv_initial->Set(grpc_core::PeerString(), peer_string_);
  // Nothing came from the wire and the status is made up: it is available right now.
  if (s->trailing_available != nullptr && s->initial_published != Published::kFromWire &&
      s->trailing_published == Published::kSynthesized) {
    *s->trailing_available = true;
    s->trailing_available = nullptr;
  }
  RunSoon(&s->recv_initial_ready);
}

void Transport::MaybeCompleteMessage(Stream* s) {
  if (s->recv_message_ready == nullptr) return;
  if (s->final_metadata_requested && s->seen_error) DropIncoming(s);
  if (s->first_message != nullptr) {
    std::unique_ptr<IncomingMessage> m = std::move(s->first_message);
    s->first_message = std::move(m->next);
    if (s->first_message == nullptr) s->last_message = nullptr;
    s->buffered -= m->size;
    **s->recv_message = std::move(m->data);
    if (s->recv_flags != nullptr) *s->recv_flags = m->flags;
    if (socket_node_ != nullptr) socket_node_->RecordMessageReceived();
    RunSoon(&s->recv_message_ready);
    return;
  }
  if (!s->read_closed && !(s->final_metadata_requested && s->seen_error)) return;
  // No further message. As chttp2, say so only once trailing metadata is known.
  s->recv_message->reset();
  if (s->trailing_published == Published::kNot) return;
  if (s->failed_before_recv_message != nullptr) {
    *s->failed_before_recv_message = s->trailing_published != Published::kAtClose;
  }
  RunSoon(&s->recv_message_ready);
}

void Transport::MaybeCompleteTrailing(Stream* s) {
  MaybeCompleteMessage(s);
  if (s->recv_trailing_ready == nullptr || !s->read_closed || !s->write_closed) return;
  if (s->seen_error || !is_client_) DropIncoming(s);
  if (s->first_message != nullptr) return;  // a message must be taken first
  if (s->collect_stats != nullptr) {
    grpc_transport_move_stats(&s->stats, s->collect_stats);
    s->collect_stats = nullptr;
  }
  *s->recv_trailing = std::move(s->trailing_buffer);
  s->recv_trailing->Set(grpc_core::PeerString(), peer_string_);
  RunSoon(&s->recv_trailing_ready);
}

void Transport::DropIncoming(Stream* s) {
  while (s->first_message != nullptr) s->first_message = std::move(s->first_message->next);
  s->last_message = nullptr;
  s->buffered = 0;
  DropPartial(s);
}

// A message that will never be complete.
void Transport::DropPartial(Stream* s) {
  s->partial.reset();
  grpc_core::CSliceUnref(s->assembling);
  s->assembling = grpc_empty_slice();
  s->assembled = 0;
}

// ---- Closing ---------------------------------------------------------------------------------

void Transport::FailPendingSends(Stream* s, grpc_error_handle error) {
  error = Combine(error, *s, "Pending writes failed due to stream closure");
  s->send_initial = nullptr;
  CompleteStep(&s->initial_done, error);
  s->send_trailing = nullptr;
  s->trailing_sent = nullptr;
  CompleteStep(&s->trailing_done, error);
  s->message.Clear();
  CompleteStep(&s->message_done, error);
}

void Transport::FakeStatus(Stream* s, const grpc_error_handle& error) {
  grpc_status_code status;
  std::string message;
  grpc_error_get_status(error, s->deadline, &status, &message, nullptr, nullptr);
  if (status != GRPC_STATUS_OK) s->seen_error = true;
  // A status that came may still be replaced by something more important, as long as nobody was
  // told of it.
  if (s->trailing_published != Published::kNot && s->recv_trailing_ready == nullptr) return;
  s->trailing_buffer.Set(grpc_core::GrpcStatusMetadata(), status);
  if (!message.empty()) {
    s->trailing_buffer.Set(grpc_core::GrpcMessageMetadata(),
                           grpc_core::Slice::FromCopiedBuffer(message));
  }
  s->trailing_published = Published::kSynthesized;
  MaybeCompleteTrailing(s);
}

void Transport::MarkClosed(Stream* s, bool reads, bool writes, const grpc_error_handle& error) {
  if (s->read_closed && s->write_closed) {
    const grpc_error_handle all = Combine(error, *s, "Stream removed");
    if (!all.ok()) FakeStatus(s, all);
    MaybeCompleteTrailing(s);
    return;
  }
  const bool closes_reads = reads && !s->read_closed;
  if (closes_reads) {
    s->read_closed_error = error;
    s->read_closed = true;
    DropPartial(s);
  }
  if (writes && !s->write_closed) {
    s->write_closed_error = error;
    s->write_closed = true;
    FailPendingSends(s, error);
  }
  const bool closed = s->read_closed && s->write_closed;
  if (closed) {
    const grpc_error_handle all = Combine(error, *s, "Stream removed");
    RemoveStream(s, all);
    if (!all.ok()) FakeStatus(s, all);
  }
  if (closes_reads) {
    if (s->initial_published == Published::kNot) s->initial_published = Published::kAtClose;
    if (s->trailing_published == Published::kNot) s->trailing_published = Published::kAtClose;
    MaybeCompleteInitial(s);
    MaybeCompleteMessage(s);
  }
  if (closed) {
    MaybeCompleteTrailing(s);
    grpc_stream_unref(s->refcount, "samehost");
  }
}

void Transport::RemoveStream(Stream* s, const grpc_error_handle& error) {
  if (s->waits_for_concurrency) {
    s->waits_for_concurrency = false;
    std::erase(waiting_for_concurrency_, s);
  }
  if (s->waits_for_room) {
    s->waits_for_room = false;
    std::erase(waiting_for_room_, s);
  }
  if (s->id == 0) return;
  Watch::Get().NoteCalls(-static_cast<int>(streams_.erase(s->id)));
  if (socket_node_ != nullptr) {
    if (s->seen_error) {
      socket_node_->RecordStreamFailed();
    } else {
      socket_node_->RecordStreamSucceeded();
    }
  }
  if (streams_.empty() && goaway_sent_ == Goaway::kFinal) {
    grpc_error_handle cause = error;
    CloseLocked(
        GRPC_ERROR_CREATE_REFERENCING("Last stream closed after sending GOAWAY", &cause, 1));
  }
  if (streams_.empty()) PostBenignReclaimer();
  MaybeStartStreams();
}

void Transport::CancelStream(Stream* s, const grpc_error_handle& error) {
  if (!is_client_ && !s->trailing_was_sent && grpc_error_has_clear_grpc_status(error)) {
    CloseFromApi(s, error);
    return;
  }
  if ((!s->read_closed || !s->write_closed) && s->id != 0) {
    grpc_http2_error_code code;
    grpc_error_get_status(error, s->deadline, nullptr, nullptr, &code, nullptr);
    FrameHeader reset;
    reset.kind = FrameKind::kReset;
    reset.stream = s->id;
    reset.value = static_cast<uint32_t>(code);
    SendControl(reset);
  }
  if (!error.ok()) s->seen_error = true;
  MarkClosed(s, true, true, error);
}

// The server's own end of a call with a status: trailing metadata, past whatever is still queued.
void Transport::CloseFromApi(Stream* s, const grpc_error_handle& error) {
  grpc_status_code status;
  std::string message;
  grpc_error_get_status(error, s->deadline, &status, &message, nullptr, nullptr);
  if (!s->write_closed) {
    grpc_metadata_batch trailing(s->arena);
    trailing.Set(grpc_core::GrpcStatusMetadata(), status);
    if (!message.empty()) {
      trailing.Set(grpc_core::GrpcMessageMetadata(), grpc_core::Slice::FromCopiedBuffer(message));
    }
    scratch_trailing_.clear();
    EncodeMetadata(trailing, &scratch_trailing_);
    FrameHeader header;
    header.stream = s->id;
    header.flags = frame_flag::kTrailing;
    header.trailing_size = static_cast<uint32_t>(scratch_trailing_.size());
    SendControl(header, scratch_trailing_);
    s->trailing_was_sent = true;
  }
  MarkClosed(s, true, true, error);
}

// ---- Starting (client) -----------------------------------------------------------------------

void Transport::MaybeStartStreams() {
  if (!goaway_error_.ok()) return CancelUnstartedStreams(goaway_error_);
  if (!settings_received_) return;
  while (!waiting_for_concurrency_.empty() && streams_.size() < peer_max_streams_ &&
         closed_error_.ok()) {
    Stream* s = waiting_for_concurrency_.front();
    waiting_for_concurrency_.pop_front();
    s->waits_for_concurrency = false;
    s->id = next_stream_id_++;
    streams_.emplace(s->id, s);
    Watch::Get().NoteCalls(1);
    PostDestructiveReclaimer();
    WriteStream(s);
  }
}

void Transport::CancelUnstartedStreams(const grpc_error_handle& error) {
  while (!waiting_for_concurrency_.empty()) {
    Stream* s = waiting_for_concurrency_.front();
    waiting_for_concurrency_.pop_front();
    s->waits_for_concurrency = false;
    s->trailing_buffer.Set(grpc_core::GrpcStreamNetworkState(),
                           grpc_core::GrpcStreamNetworkState::kNotSentOnWire);
    CancelStream(s, error);
  }
}

}  // namespace samehost::grpc_transport
