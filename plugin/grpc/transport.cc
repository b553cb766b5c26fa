#include "plugin/grpc/transport.h"

#include <utility>

#include "plugin/grpc/doorbell_set.h"
#include "plugin/grpc/link_registry.h"
#include "plugin/grpc/polling.h"
#include "plugin/grpc/transport_impl.h"
#include "src/core/lib/gprpp/fork.h"
#include "src/core/lib/gprpp/status_helper.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/resource_quota/resource_quota.h"
#include "src/core/lib/slice/slice_internal.h"
#include "src/core/lib/transport/error_utils.h"

namespace samehost::grpc_transport {
namespace {

Stream* ToStream(grpc_stream* gs) { return reinterpret_cast<Stream*>(gs); }

int InitStreamThunk(::grpc_transport* gt, grpc_stream* gs, grpc_stream_refcount* refcount,
                    const void* server_data, grpc_core::Arena* arena) {
  Transport* t = Transport::FromBase(gt);
  t->InitStream(new (gs) Stream(t, refcount, arena), server_data);
  return 0;
}
void SetPollset(::grpc_transport*, grpc_stream*, grpc_pollset*) {}  // one epoll set serves all
void SetPollsetSet(::grpc_transport*, grpc_stream*, grpc_pollset_set*) {}  // the same
void PerformStreamOpThunk(::grpc_transport* gt, grpc_stream* gs,
                          grpc_transport_stream_op_batch* op) {
  Transport::FromBase(gt)->PerformStreamOp(ToStream(gs), op);
}
void PerformOpThunk(::grpc_transport* gt, grpc_transport_op* op) {
  Transport::FromBase(gt)->PerformOp(op);
}
void DestroyStreamThunk(::grpc_transport* gt, grpc_stream* gs, grpc_closure* then) {
  Transport::FromBase(gt)->DestroyStream(ToStream(gs));
  grpc_core::ExecCtx::Run(DEBUG_LOCATION, then, absl::OkStatus());
}
// Not at once: gRPC may drop its last reference from within one of our own critical sections (a
// watcher that dies).
void DestroyThunk(::grpc_transport* gt) {
  grpc_core::ExecCtx::Run(
      DEBUG_LOCATION,
      GRPC_CLOSURE_CREATE([](void* t, grpc_error_handle) { static_cast<Transport*>(t)->Destroy(); },
                          Transport::FromBase(gt), grpc_schedule_on_exec_ctx),
      absl::OkStatus());
}
grpc_endpoint* GetEndpoint(::grpc_transport*) { return nullptr; }

// SUBTLE: the name must not contain "http", or gRPC installs its HTTP filters; what matters of
// them (compression, user-agent) is installed or done by ourselves.
const grpc_transport_vtable kVtable = {
    sizeof(Stream),     "samehost",    InitStreamThunk,      /*make_call_promise=*/nullptr,
    SetPollset,         SetPollsetSet, PerformStreamOpThunk, PerformOpThunk,
    DestroyStreamThunk, DestroyThunk,  GetEndpoint};

// HTTP/2 counts the five bytes in front of a message as data that was sent, though not as received.
constexpr size_t kHttp2MessagePrefix = 5;

// As chttp2 counts closures of a batch: the low bits of scratch are the steps still to come.
constexpr uintptr_t kOneStep = 1;

}  // namespace

::grpc_transport* CreateTransport(const grpc_core::ChannelArgs& args,
                                  rendezvous::Connected connected, TransportOptions options) {
  return &(new Transport(args, std::move(connected), std::move(options)))->base.transport;
}

void StartTransport(::grpc_transport* transport, grpc_closure* on_close) {
  Transport::FromBase(transport)->Start(on_close);
}

Transport::Transport(const grpc_core::ChannelArgs& args, rendezvous::Connected connected,
                     TransportOptions options)
    : base{{&kVtable}, this},
      is_client_(options.is_client),
      peer_string_(std::move(options.peer_string)),
      address_(std::move(options.address)),
      directory_(std::move(options.directory)),
      socket_node_(std::move(options.socket_node)),
      link_(std::move(connected.link)),
      state_tracker_(is_client_ ? "samehost_client" : "samehost_server", GRPC_CHANNEL_READY) {
  if (auto* quota = args.GetObject<grpc_core::ResourceQuota>()) {
    memory_owner_ = std::make_unique<grpc_core::MemoryOwner>(
        quota->memory_quota()->CreateMemoryOwner(peer_string_ + ":samehost"));
  }
  if (link_->arena() != nullptr) send_memory_ = std::make_shared<SendMemory>(link_->arena());
  max_streams_ = static_cast<uint32_t>(
      std::max(0, args.GetInt(GRPC_ARG_MAX_CONCURRENT_STREAMS).value_or(INT_MAX)));
  max_metadata_bytes_ = static_cast<uint32_t>(
      std::max(0, args.GetInt(GRPC_ARG_MAX_METADATA_SIZE).value_or(8 * 1024)));  // chttp2's default
  InitKeepalive(args);
  if (is_client_) user_agent_ = EncodedUserAgent(args);
  link_->Describe({.protocol = "grpc",
                   .name = address_,
                   .peer_uid = connected.peer.uid,
                   .peer_pid = static_cast<uint32_t>(connected.peer.pid)});
  RegisterLink(link_.get());
}

Transport::~Transport() {
  UnregisterLink(link_.get());
  for (grpc_fd* fd : {doorbell_fd_, socket_fd_, pidfd_fd_}) {
    int released;  // the link owns the descriptor
    if (fd != nullptr) grpc_fd_orphan(fd, nullptr, &released, "samehost link ended");
  }
  // SUBTLE: gRPC's fork handlers have closed the descriptors in the child already; their numbers
  // may be somebody else's by now, so they must not be closed again. What is mapped stays mapped
  // there.
  if (fork_generation_ != ForkGeneration() && grpc_core::Fork::Enabled()) (void)link_.release();
}

void Transport::Unref() {
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

void Transport::Start(grpc_closure* on_close) {
  {
    std::lock_guard<std::mutex> lock(mu_);
    on_close_ = on_close;
    if (closed_error_.ok()) {
      FrameHeader settings;
      settings.kind = FrameKind::kSettings;
      settings.value = max_streams_;
      settings.message_size = max_metadata_bytes_;
      SendControl(settings);
      Publish();
      WatchDescriptors();
      StartKeepaliveTimer();
      SetSwitchTimer();
      PostBenignReclaimer();
    } else {
      RunSoon(&on_close_);
    }
  }
  Watch::Get().Add(this);
  Unref();  // the reference that waited for Start()
}

// ---- Closing ---------------------------------------------------------------------------------

void Transport::Close(grpc_error_handle error) {
  std::lock_guard<std::mutex> lock(mu_);
  CloseLocked(std::move(error));
}

void Transport::CloseLocked(grpc_error_handle error) {
  if (!closed_error_.ok()) return;
  closed_error_ = error;
  Publish();
  state_tracker_.SetState(GRPC_CHANNEL_SHUTDOWN, absl::Status(), "close_transport");
  intptr_t unused;
  if (!is_client_ && !grpc_error_has_clear_grpc_status(error) &&
      !grpc_error_get_int(error, grpc_core::StatusIntProperty::kHttp2Error, &unused)) {
    error = grpc_error_set_int(error, grpc_core::StatusIntProperty::kRpcStatus,
                               GRPC_STATUS_UNAVAILABLE);
  }
  CancelUnstartedStreams(error);
  while (!streams_.empty()) CancelStream(streams_.begin()->second, error);
  Publish();
  FailPings(error);
  CancelTimers();
  control_.clear();
  link_->Close();
  DoorbellSet::Get().Remove(this);
  for (grpc_fd* fd : {doorbell_fd_, socket_fd_, pidfd_fd_}) {
    if (fd != nullptr) grpc_fd_shutdown(fd, error);
  }
  RunSoon(&on_close_);
}

void Transport::Destroy() {
  Watch::Get().Remove(this);
  {
    std::lock_guard<std::mutex> lock(mu_);
    CloseLocked(grpc_error_set_int(GRPC_ERROR_CREATE("Transport destroyed"),
                                   grpc_core::StatusIntProperty::kRpcStatus,
                                   GRPC_STATUS_UNAVAILABLE));
    memory_owner_.reset();  // pending reclaimers let go of us
  }
  Unref();
}

// ---- Streams ---------------------------------------------------------------------------------

Stream::~Stream() { grpc_core::CSliceUnref(assembling); }

void Transport::InitStream(Stream* s, const void* server_data) {
  Ref();
  std::lock_guard<std::mutex> lock(mu_);
  grpc_stream_ref(s->refcount, "samehost");  // until both directions are closed
  if (server_data == nullptr) return;
  s->id = *static_cast<const uint64_t*>(server_data);
  streams_.emplace(s->id, s);
  Watch::Get().NoteCalls(1);
  PostDestructiveReclaimer();
}

void Transport::DestroyStream(Stream* s) {
  // Whoever used the stream last did so under the lock; ThreadSanitizer does not see gRPC's own.
  { std::lock_guard<std::mutex> lock(mu_); }
  s->~Stream();
  Unref();
}

void Transport::RunSoon(grpc_closure** closure, grpc_error_handle error) {
  if (*closure == nullptr) return;
  grpc_core::ExecCtx::Run(DEBUG_LOCATION, std::exchange(*closure, nullptr), std::move(error));
}

void Transport::CompleteStep(grpc_closure** slot, const grpc_error_handle& error) {
  grpc_closure* closure = std::exchange(*slot, nullptr);
  if (closure == nullptr) return;
  closure->next_data.scratch -= kOneStep;
  if (!error.ok()) {
    grpc_error_handle all = grpc_core::internal::StatusMoveFromHeapPtr(closure->error_data.error);
    if (all.ok()) {
      all = GRPC_ERROR_CREATE("Error in samehost transport completing operation");
      all = grpc_error_set_str(all, grpc_core::StatusStrProperty::kTargetAddress, peer_string_);
    }
    closure->error_data.error =
        grpc_core::internal::StatusAllocHeapPtr(grpc_error_add_child(all, error));
  }
  if (closure->next_data.scratch != 0) return;
  grpc_error_handle all = grpc_core::internal::StatusMoveFromHeapPtr(closure->error_data.error);
  closure->error_data.error = 0;
  grpc_core::ExecCtx::Run(DEBUG_LOCATION, closure, all);
}

void Transport::PerformStreamOp(Stream* s, grpc_transport_stream_op_batch* op) {
  grpc_stream_ref(s->refcount, "perform_stream_op");
  const bool answers = !is_client_ && op->send_trailing_metadata;
  {
    std::lock_guard<std::mutex> lock(mu_);
    (void)ForkedAway();
    grpc_closure* on_complete = op->on_complete;
    if (on_complete != nullptr) {
      on_complete->next_data.scratch = kOneStep;  // dropped at the end of this function
      on_complete->error_data.error = 0;
    }
    if (op->cancel_stream) CancelStream(s, op->payload->cancel_stream.cancel_error);
    if (op->send_initial_metadata || op->send_message || op->send_trailing_metadata) {
      StartSend(s, op);
    }
    if (op->recv_initial_metadata || op->recv_message || op->recv_trailing_metadata) {
      StartReceive(s, op);
    }
    CompleteStep(&on_complete, absl::OkStatus());
    Publish();
  }
  if (answers) YieldToPeer();
  grpc_stream_unref(s->refcount, "perform_stream_op");
}

namespace {

grpc_closure* AddStep(grpc_closure* closure) {
  closure->next_data.scratch += kOneStep;
  return closure;
}

bool HasErrorStatus(const grpc_metadata_batch& batch) {
  return batch.get(grpc_core::GrpcStatusMetadata()).value_or(GRPC_STATUS_OK) != GRPC_STATUS_OK;
}

}  // namespace

void Transport::StartSend(Stream* s, grpc_transport_stream_op_batch* op) {
  auto* payload = op->payload;
  bool start = false;
  if (op->send_initial_metadata) {
    auto& send = payload->send_initial_metadata;
    if (is_client_ && socket_node_ != nullptr) socket_node_->RecordStreamStartedFromLocal();
    s->initial_done = AddStep(op->on_complete);
    if (is_client_) {
      s->deadline =
          std::min(s->deadline, send.send_initial_metadata->get(grpc_core::GrpcTimeoutMetadata())
                                    .value_or(grpc_core::Timestamp::InfFuture()));
    }
    if (HasErrorStatus(*send.send_initial_metadata)) s->seen_error = true;
    if (s->write_closed) {
      CompleteStep(&s->initial_done, GRPC_ERROR_CREATE_REFERENCING(
                                         "Attempt to send initial metadata after stream was closed",
                                         &s->write_closed_error, 1));
    } else {
      s->send_initial = send.send_initial_metadata;
      start = is_client_;
    }
    if (send.peer_string != nullptr) {
      gpr_atm_rel_store(send.peer_string, reinterpret_cast<gpr_atm>(peer_string_.c_str()));
    }
  }
  if (op->send_message) StartSendMessage(s, op);
  if (op->send_trailing_metadata) {
    auto& send = payload->send_trailing_metadata;
    s->trailing_done = AddStep(op->on_complete);
    if (HasErrorStatus(*send.send_trailing_metadata)) s->seen_error = true;
    if (s->write_closed) {
      CompleteStep(
          &s->trailing_done,
          send.send_trailing_metadata->empty()
              ? absl::OkStatus()
              : GRPC_ERROR_CREATE("Attempt to send trailing metadata after stream was closed"));
    } else {
      s->send_trailing = send.send_trailing_metadata;
      s->trailing_sent = send.sent;
    }
  }
  if (!start) {
    if (s->id != 0) WriteStream(s);
    return;
  }
  if (closed_error_.ok()) {
    s->waits_for_concurrency = true;
    waiting_for_concurrency_.push_back(s);
    MaybeStartStreams();
    return;
  }
  s->trailing_buffer.Set(grpc_core::GrpcStreamNetworkState(),
                         grpc_core::GrpcStreamNetworkState::kNotSentOnWire);
  CancelStream(
      s, grpc_error_set_int(GRPC_ERROR_CREATE_REFERENCING("Transport closed", &closed_error_, 1),
                            grpc_core::StatusIntProperty::kRpcStatus, GRPC_STATUS_UNAVAILABLE));
}

void Transport::StartSendMessage(Stream* s, grpc_transport_stream_op_batch* op) {
  auto& send = op->payload->send_message;
  s->message_done = AddStep(op->on_complete);
  if (s->write_closed) {
    // No error: it would start a cancellation that overwrites a status that may have come.
    send.stream_write_closed = true;
    CompleteStep(&s->message_done, absl::OkStatus());
    return;
  }
  // SUBTLE: references, not a move: the retry filter keeps the slices for another attempt.
  const grpc_slice_buffer* from = send.send_message->c_slice_buffer();
  for (size_t i = 0; i < from->count; ++i) {
    s->message.Append(grpc_core::Slice(grpc_core::CSliceRef(from->slices[i])));
  }
  s->message_size = static_cast<uint32_t>(from->length);
  s->message_flags = send.flags;
  s->message_begun = false;
  s->copy_bytes = 0;
  if (from->length >= SendMemory::kFrom) {
    SendMemory::NoteSent(send_memory_);
    if (send_memory_ != nullptr) NoteLargeTraffic();
  }
  s->stats.outgoing.data_bytes += kHttp2MessagePrefix + from->length;
}

void Transport::StartReceive(Stream* s, grpc_transport_stream_op_batch* op) {
  auto* payload = op->payload;
  if (op->recv_initial_metadata) {
    auto& recv = payload->recv_initial_metadata;
    s->recv_initial_ready = recv.recv_initial_metadata_ready;
    s->recv_initial = recv.recv_initial_metadata;
    s->trailing_available = recv.trailing_metadata_available;
    if (s->trailers_only && s->trailing_available != nullptr) *s->trailing_available = true;
    if (recv.peer_string != nullptr) {
      gpr_atm_rel_store(recv.peer_string, reinterpret_cast<gpr_atm>(peer_string_.c_str()));
    }
    MaybeCompleteInitial(s);
  }
  if (op->recv_message) {
    auto& recv = payload->recv_message;
    s->recv_message_ready = recv.recv_message_ready;
    s->recv_message = recv.recv_message;
    s->recv_message->emplace();
    s->recv_flags = recv.flags;
    s->failed_before_recv_message = recv.call_failed_before_recv_message;
    MaybeCompleteTrailing(s);
    GrantCredit(s);
  }
  if (op->recv_trailing_metadata) {
    auto& recv = payload->recv_trailing_metadata;
    s->collect_stats = recv.collect_stats;
    s->recv_trailing_ready = recv.recv_trailing_metadata_ready;
    s->recv_trailing = recv.recv_trailing_metadata;
    s->final_metadata_requested = true;
    MaybeCompleteTrailing(s);
  }
}

// ---- Transport operations --------------------------------------------------------------------

void Transport::PerformOp(grpc_transport_op* op) {
  Ref();
  {
    std::lock_guard<std::mutex> lock(mu_);
    if (!op->goaway_error.ok()) SendGoaway(op->goaway_error, /*immediately=*/false);
    if (op->set_accept_stream) {
      accept_stream_ = op->set_accept_stream_fn;
      accept_stream_data_ = op->set_accept_stream_user_data;
    }
    if (op->send_ping.on_initiate != nullptr || op->send_ping.on_ack != nullptr) {
      SendPing(op->send_ping.on_initiate, op->send_ping.on_ack);
    }
    if (op->start_connectivity_watch != nullptr) {
      state_tracker_.AddWatcher(op->start_connectivity_watch_state,
                                std::move(op->start_connectivity_watch));
    }
    if (op->stop_connectivity_watch != nullptr) {
      state_tracker_.RemoveWatcher(op->stop_connectivity_watch);
    }
    if (!op->disconnect_with_error.ok()) {
      SendGoaway(op->disconnect_with_error, /*immediately=*/true);
      CloseLocked(op->disconnect_with_error);
    }
    Publish();
    grpc_core::ExecCtx::Run(DEBUG_LOCATION, op->on_consumed, absl::OkStatus());
  }
  Unref();
}

}  // namespace samehost::grpc_transport
