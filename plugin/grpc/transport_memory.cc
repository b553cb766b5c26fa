// Memory: grown rings are given back when idle, received messages count against the resource
// quota, and under its pressure connections and calls are given up as over HTTP/2.
#include <algorithm>
#include <utility>

#include "plugin/grpc/transport_impl.h"
#include "src/core/lib/gprpp/status_helper.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/slice/slice_internal.h"
#include "src/core/lib/transport/http2_errors.h"

namespace samehost::grpc_transport {
namespace {

// After so many checks without traffic: after 0.4 to 0.6 s, and what the peer gives up a check
// later.
constexpr auto kTrimCheckEvery = grpc_core::Duration::Milliseconds(200);
constexpr int kQuietChecks = 2;
// What a user keeps for longer is asked for less and less often.
constexpr int kLeastOften = 6;
constexpr size_t kCountedFrom = 1024;  // smaller copies are not worth the bookkeeping

grpc_error_handle BuffersFull() {
  return grpc_error_set_int(GRPC_ERROR_CREATE("Buffers full"),
                            grpc_core::StatusIntProperty::kHttp2Error,
                            GRPC_HTTP2_ENHANCE_YOUR_CALM);
}

}  // namespace

// ---- The ring --------------------------------------------------------------------------------

void Transport::NoteLargeTraffic() {
  if (trim_timer_set_ || !closed_error_.ok()) return;
  quiet_checks_ = 0;
  SetTrimTimer();
}

void Transport::SetTrimTimer() {
  trim_timer_set_ = true;
  bytes_at_trim_check_ = BytesMoved();
  const int patience = std::clamp(quiet_checks_ - 2 * kQuietChecks, 0, kLeastOften);
  trim_timer_.Set(this, kTrimCheckEvery * (1 << patience), &Transport::OnTrimTimer);
}

uint64_t Transport::BytesMoved() const {
  const shm::CounterValues counters = link_->counters();
  return counters.bytes_sent + counters.bytes_received;
}

void Transport::OnTrimTimer() {
  trim_timer_set_ = false;
  if (!closed_error_.ok()) return;
  quiet_checks_ = BytesMoved() == bytes_at_trim_check_ ? quiet_checks_ + 1 : 0;
  if (quiet_checks_ < kQuietChecks) return SetTrimTimer();
  if (send_memory_ != nullptr) send_memory_->SetActive(false);
  blocks_->Trim();
  // A client that makes no calls polls nothing, and would not learn what the server has given up.
  if (!ReadSocket().ok()) return;
  if (!link_->TrimIdle()) SetTrimTimer();  // something is in use still
}

// ---- Resource quota --------------------------------------------------------------------------

grpc_slice Transport::AllocateSlice(size_t bytes) {
  if (memory_owner_ == nullptr || bytes < kCountedFrom) return grpc_slice_malloc(bytes);
  if (bytes >= BlockPool::kFrom && bytes <= BlockPool::kLargest) {
    NoteLargeTraffic();
    grpc_slice slice;
    if (blocks_->Allocate(bytes, memory_owner_->MakeReservation(bytes), &slice)) return slice;
  }
  return memory_owner_->MakeSlice(grpc_core::MemoryRequest(bytes));
}

void Transport::PostBenignReclaimer() {
  if (memory_owner_ == nullptr || std::exchange(benign_reclaimer_posted_, true)) return;
  Ref();
  memory_owner_->PostReclaimer(grpc_core::ReclamationPass::kBenign,
                               [this](absl::optional<grpc_core::ReclamationSweep> sweep) {
                                 if (sweep.has_value()) ReclaimIdle();
                                 Unref();
                               });
}

void Transport::PostDestructiveReclaimer() {
  if (memory_owner_ == nullptr || std::exchange(destructive_reclaimer_posted_, true)) return;
  Ref();
  memory_owner_->PostReclaimer(grpc_core::ReclamationPass::kDestructive,
                               [this](absl::optional<grpc_core::ReclamationSweep> sweep) {
                                 if (sweep.has_value()) ReclaimStream();
                                 Unref();
                               });
}

// A connection without calls says good-bye.
void Transport::ReclaimIdle() {
  std::lock_guard<std::mutex> lock(mu_);
  benign_reclaimer_posted_ = false;
  if (!streams_.empty() || !closed_error_.ok()) return;
  SendGoaway(BuffersFull(), /*immediately=*/true);
  Publish();
}

// One call is given up.
void Transport::ReclaimStream() {
  std::lock_guard<std::mutex> lock(mu_);
  destructive_reclaimer_posted_ = false;
  if (streams_.empty()) return;
  CancelStream(streams_.begin()->second, BuffersFull());
  if (!streams_.empty()) PostDestructiveReclaimer();
  Publish();
}

// ---- Fork ------------------------------------------------------------------------------------

// In a child of fork the connection is its parent's: it counts as closed here.
bool Transport::ForkedAway() {
  if (fork_generation_ == ForkGeneration()) return false;
  CloseLocked(grpc_error_set_int(GRPC_ERROR_CREATE("the connection belongs to the parent process"),
                                 grpc_core::StatusIntProperty::kRpcStatus,
                                 GRPC_STATUS_UNAVAILABLE));
  return true;
}

}  // namespace samehost::grpc_transport
