// The machine's switch (rendezvous/switch_files.h), as a connection that has a link obeys it: new
// calls go elsewhere, those under way finish here, and then the link ends. A server says so by a
// graceful go-away, as for max_connection_age. A client may see a file that its server does not, so
// it acts by itself: it tells its channel what a go-away tells it.
#include <utility>

#include "plugin/grpc/transport_impl.h"
#include "plugin/rendezvous/decision_log.h"
#include "plugin/rendezvous/switches.h"
#include "src/core/lib/gprpp/status_helper.h"
#include "src/core/lib/transport/http2_errors.h"

namespace samehost::grpc_transport {

void Transport::SetSwitchTimer() {
  switch_timer_.Set(this, grpc_core::Duration::Milliseconds(rendezvous::UntilNextLook().count()),
                    &Transport::OnSwitchTimer);
}

void Transport::OnSwitchTimer() {
  if (!closed_error_.ok()) return;
  const auto why =
      rendezvous::SwitchedOffByFile(*rendezvous::RecentSwitchFiles(directory_), address_);
  if (!why) return SetSwitchTimer();
  rendezvous::DecisionLog::Get().RecordFallback(
      address_, Fallback{FallbackReason::kSwitchedOff, *why},
      is_client_ ? rendezvous::DecisionSide::kConnecting : rendezvous::DecisionSide::kListening);
  LeaveLink();
}

void Transport::LeaveLink() {
  if (is_client_) {
    state_tracker_.SetState(GRPC_CHANNEL_TRANSIENT_FAILURE,
                            absl::UnavailableError("samehost: shared memory was switched off"),
                            "switched_off");
    return;
  }
  SendGoaway(grpc_error_set_int(GRPC_ERROR_CREATE("samehost: shared memory was switched off"),
                                grpc_core::StatusIntProperty::kHttp2Error, GRPC_HTTP2_NO_ERROR),
             /*immediately=*/false);
}

}  // namespace samehost::grpc_transport
