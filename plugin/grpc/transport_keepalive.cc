// Pings, keepalive and go-away, with the arguments and the meaning they have over HTTP/2
// (gRPC proposals A8, A9 and keepalive.md).
#include <climits>
#include <cstring>
#include <utility>

#include "plugin/grpc/transport_impl.h"
#include "src/core/lib/event_engine/default_event_engine.h"
#include "src/core/lib/gprpp/status_helper.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/transport/error_utils.h"
#include "src/core/lib/transport/http2_errors.h"

namespace samehost::grpc_transport {
namespace {

using grpc_core::Duration;
using grpc_core::Timestamp;
using grpc_event_engine::experimental::GetDefaultEventEngine;

// gRPC's defaults (chttp2_transport.cc).
constexpr int kServerKeepaliveMs = 7200 * 1000;
constexpr int kKeepaliveTimeoutMs = 20 * 1000;
constexpr int kMinPingIntervalMs = 300 * 1000;
constexpr int kMaxPingStrikes = 2;
constexpr int kMaxPingsWithoutData = 2;
constexpr Duration kGracefulLimit = Duration::Seconds(20);

Duration FromMs(int ms) {
  return ms == INT_MAX ? Duration::Infinity() : Duration::Milliseconds(ms);
}

}  // namespace

void Transport::Timer::Set(Transport* t, Duration after, void (Transport::*fire)()) {
  t->Ref();
  const uint64_t generation = ++generation_;
  set_ = true;
  auto run = [t, fire, generation, this] {
    grpc_core::ApplicationCallbackExecCtx callback_exec_ctx;
    grpc_core::ExecCtx exec_ctx;
    {
      std::lock_guard<std::mutex> lock(t->mu_);
      if (generation == generation_) {  // not cancelled too late
        set_ = false;
        (t->*fire)();
        t->Publish();
      }
    }
    t->Unref();
  };
  const std::chrono::milliseconds delay(after.millis());
  if (runs_in_ == kBackground) {
    task_ = Background::Get().RunAfter(delay, std::move(run));
  } else {
    handle_ = GetDefaultEventEngine()->RunAfter(delay, std::move(run));
  }
}

void Transport::Timer::Cancel(Transport* t) {
  if (!set_) return;
  const bool in_time = runs_in_ == kBackground ? Background::Get().Cancel(task_)
                                               : GetDefaultEventEngine()->Cancel(handle_);
  // Where it is too late to cancel, the timer drops its reference itself.
  if (in_time) t->Unref();
  set_ = false;
  ++generation_;
}

void Transport::InitKeepalive(const grpc_core::ChannelArgs& args) {
  auto at_least = [&args](const char* name, int fallback, int least) {
    return std::max(least, args.GetInt(name).value_or(fallback));
  };
  keepalive_time_ =
      FromMs(at_least(GRPC_ARG_KEEPALIVE_TIME_MS, is_client_ ? INT_MAX : kServerKeepaliveMs, 1));
  keepalive_timeout_ = FromMs(at_least(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs, 0));
  keepalive_without_calls_ = args.GetBool(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS).value_or(false);
  max_pings_without_data_ =
      at_least(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, kMaxPingsWithoutData, 0);
  pings_before_data_ = max_pings_without_data_;
  max_ping_strikes_ = at_least(GRPC_ARG_HTTP2_MAX_PING_STRIKES, kMaxPingStrikes, 0);
  min_ping_interval_ = FromMs(
      at_least(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingIntervalMs, 0));
}

// ---- Keepalive -------------------------------------------------------------------------------

void Transport::StartKeepaliveTimer() {
  if (keepalive_time_ == Duration::Infinity() || !closed_error_.ok()) return;
  keepalive_timer_.Set(this, keepalive_time_, &Transport::OnKeepaliveTimer);
}

void Transport::OnKeepaliveTimer() {
  if (!closed_error_.ok()) return;
  const bool wanted = keepalive_without_calls_ || !streams_.empty();
  const bool allowed = !is_client_ || max_pings_without_data_ == 0 || pings_before_data_ > 0;
  if (!wanted || !allowed) return StartKeepaliveTimer();
  pings_.push_back({PendingPing::kKeepalive, next_ping_id_, nullptr});
  SendPingFrame(next_ping_id_++);
  if (socket_node_ != nullptr) socket_node_->RecordKeepaliveSent();
  if (keepalive_timeout_ != Duration::Infinity()) {
    keepalive_timeout_timer_.Set(this, keepalive_timeout_, &Transport::OnKeepaliveTimeout);
  }
}

void Transport::OnKeepaliveTimeout() {
  CloseLocked(grpc_error_set_int(GRPC_ERROR_CREATE("keepalive watchdog timeout"),
                                 grpc_core::StatusIntProperty::kRpcStatus,
                                 GRPC_STATUS_UNAVAILABLE));
}

void Transport::CancelTimers() {
  keepalive_timer_.Cancel(this);
  keepalive_timeout_timer_.Cancel(this);
  graceful_timer_.Cancel(this);
  trim_timer_.Cancel(this);
  switch_timer_.Cancel(this);
}

// ---- Pings -----------------------------------------------------------------------------------

void Transport::SendPingFrame(uint64_t id) {
  if (pings_before_data_ > 0) --pings_before_data_;
  FrameHeader ping;
  ping.kind = FrameKind::kPing;
  ping.stream = id;
  SendControl(ping);
}

void Transport::SendPing(grpc_closure* on_initiate, grpc_closure* on_ack) {
  if (!closed_error_.ok()) {
    grpc_core::ExecCtx::Run(DEBUG_LOCATION, on_initiate, closed_error_);
    grpc_core::ExecCtx::Run(DEBUG_LOCATION, on_ack, closed_error_);
    return;
  }
  pings_.push_back({PendingPing::kUser, next_ping_id_, on_ack});
  SendPingFrame(next_ping_id_++);
  grpc_core::ExecCtx::Run(DEBUG_LOCATION, on_initiate, absl::OkStatus());
}

void Transport::FailPings(const grpc_error_handle& error) {
  for (PendingPing& ping : pings_) RunSoon(&ping.on_ack, error);
  pings_.clear();
}

void Transport::ResetPingClock() {
  pings_before_data_ = max_pings_without_data_;
  if (is_client_) return;
  last_ping_received_ = Timestamp::InfPast();
  ping_strikes_ = 0;
}

bool Transport::OnPing(const FrameHeader& header) {
  std::lock_guard<std::mutex> lock(mu_);
  if (!is_client_) {
    const Timestamp now = Timestamp::Now();
    const Duration interval =
        !keepalive_without_calls_ && streams_.empty() ? Duration::Hours(2) : min_ping_interval_;
    const bool too_soon = last_ping_received_ + interval > now;
    last_ping_received_ = now;
    if (too_soon && ++ping_strikes_ > max_ping_strikes_ && max_ping_strikes_ != 0) {
      SendGoaway(grpc_error_set_int(GRPC_ERROR_CREATE("too_many_pings"),
                                    grpc_core::StatusIntProperty::kHttp2Error,
                                    GRPC_HTTP2_ENHANCE_YOUR_CALM),
                 /*immediately=*/true);
      CloseLocked(grpc_error_set_int(GRPC_ERROR_CREATE("Too many pings"),
                                     grpc_core::StatusIntProperty::kRpcStatus,
                                     GRPC_STATUS_UNAVAILABLE));
      return false;
    }
  }
  FrameHeader pong;
  pong.kind = FrameKind::kPong;
  pong.stream = header.stream;
  SendControl(pong);
  return true;
}

bool Transport::OnPong(const FrameHeader& header) {
  std::lock_guard<std::mutex> lock(mu_);
  // Answers come in order; one that was not asked for is ignored.
  if (pings_.empty() || pings_.front().id != header.stream) return true;
  PendingPing ping = pings_.front();
  pings_.pop_front();
  switch (ping.kind) {
    case PendingPing::kUser:
      RunSoon(&ping.on_ack);
      break;
    case PendingPing::kKeepalive:
      keepalive_timeout_timer_.Cancel(this);
      StartKeepaliveTimer();
      break;
    case PendingPing::kGraceful:
      FinishGracefulGoaway();
      break;
  }
  return true;
}

// ---- Go-away ---------------------------------------------------------------------------------

void Transport::SendGoawayFrame(uint32_t code, uint64_t last_stream, absl::string_view text) {
  std::string body(reinterpret_cast<const char*>(&last_stream), sizeof last_stream);
  body.append(text.data(), std::min<size_t>(text.size(), 1024));
  FrameHeader goaway;
  goaway.kind = FrameKind::kGoaway;
  goaway.message_size = code;
  goaway.chunk_size = static_cast<uint32_t>(body.size());
  SendControl(goaway, body);
}

void Transport::SendGoaway(const grpc_error_handle& error, bool immediately) {
  grpc_http2_error_code code;
  std::string text;
  grpc_error_get_status(error, Timestamp::InfFuture(), nullptr, &text, &code, nullptr);
  if (!closed_error_.ok() || goaway_sent_ == Goaway::kFinal) return;
  if (is_client_ || immediately || code != GRPC_HTTP2_NO_ERROR) {
    goaway_sent_ = Goaway::kFinal;
    SendGoawayFrame(static_cast<uint32_t>(code), last_accepted_id_, text);
    if (!is_client_ && !immediately && streams_.empty()) {
      CloseLocked(GRPC_ERROR_CREATE("go-away sent, no streams"));
    }
    return;
  }
  if (goaway_sent_ == Goaway::kGraceful) return;
  // Calls that the client has under way to us are still accepted: ask for a round trip first.
  goaway_sent_ = Goaway::kGraceful;
  SendGoawayFrame(0, UINT64_MAX, "");
  pings_.push_back({PendingPing::kGraceful, next_ping_id_, nullptr});
  SendPingFrame(next_ping_id_++);
  graceful_timer_.Set(this, kGracefulLimit, &Transport::FinishGracefulGoaway);
}

void Transport::FinishGracefulGoaway() {
  graceful_timer_.Cancel(this);
  if (!closed_error_.ok() || goaway_sent_ != Goaway::kGraceful) return;
  goaway_sent_ = Goaway::kFinal;
  SendGoawayFrame(0, last_accepted_id_, "");
  if (streams_.empty()) CloseLocked(GRPC_ERROR_CREATE("Last stream closed after sending GOAWAY"));
}

bool Transport::OnGoaway(const Frame& frame) {
  uint64_t last_stream;
  if (frame.chunk.size() < sizeof last_stream) return Violation("go-away");
  std::memcpy(&last_stream, frame.chunk.data(), sizeof last_stream);
  const std::string text(reinterpret_cast<const char*>(frame.chunk.data()) + sizeof last_stream,
                         frame.chunk.size() - sizeof last_stream);
  const uint32_t code = frame.header.message_size;
  std::lock_guard<std::mutex> lock(mu_);
  goaway_error_ = grpc_error_set_str(
      grpc_error_set_int(grpc_error_set_int(GRPC_ERROR_CREATE("GOAWAY received"),
                                            grpc_core::StatusIntProperty::kHttp2Error,
                                            static_cast<intptr_t>(code)),
                         grpc_core::StatusIntProperty::kRpcStatus, GRPC_STATUS_UNAVAILABLE),
      grpc_core::StatusStrProperty::kRawBytes, text);
  if (is_client_) {
    CancelUnstartedStreams(goaway_error_);
    std::vector<Stream*> unseen;
    for (const auto& [id, s] : streams_) {
      if (id > last_stream) unseen.push_back(s);
    }
    for (Stream* s : unseen) {
      s->trailing_buffer.Set(grpc_core::GrpcStreamNetworkState(),
                             grpc_core::GrpcStreamNetworkState::kNotSeenByServer);
      CancelStream(s, goaway_error_);
    }
  }
  absl::Status status = grpc_error_to_absl_status(goaway_error_);
  if (is_client_ && code == GRPC_HTTP2_ENHANCE_YOUR_CALM && text == "too_many_pings") {
    // As over HTTP/2: the channel doubles its keepalive time for new connections.
    const int64_t ms = keepalive_time_.millis();
    status.SetPayload(grpc_core::kKeepaliveThrottlingKey,
                      absl::Cord(std::to_string(ms > INT_MAX / 2 ? INT_MAX : ms * 2)));
  }
  // As over HTTP/2: this is how the channel learns that no new call should come here.
  state_tracker_.SetState(GRPC_CHANNEL_TRANSIENT_FAILURE, status, "got_goaway");
  return true;
}

}  // namespace samehost::grpc_transport
