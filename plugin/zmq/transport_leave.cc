// How a connection goes from its link back to its socket, when the machine's switch says so
// (rendezvous/switch_files.h), without losing, doubling or reordering a message. Each direction by
// itself; either side begins, the other follows:
//
//   socket's thread                        I/O thread                                    peer
//   StopSending: writes no more   <------  asks it
//   into the ring                 ------>  SendingStopped: ends what it is writing there
//                                          SAMEHOST "leave"  ------------------------->  what comes
//                                          in further messages  ------------------------->  the
//                                          ring ends
//                                                                                        here; then
//                                                                                        the socket
//
// Everything in the ring was written before "leave" was sent, so the receiver reads the ring to
// where it ends and goes on with what came over the socket (SharedPipe::InPipe). The link ends when
// "leave" has gone both ways. A program that does not call its socket is not waited for with
// anything: until it does, the link stays as it is.
#include <atomic>
#include <utility>

#include "plugin/rendezvous/switch_files.h"
#include "plugin/zmq/pipe.h"
#include "plugin/zmq/settings.h"
#include "plugin/zmq/transport.h"
#include "session_base.hpp"
#include "stream_engine_base.hpp"

namespace samehost::zmq_transport {

void Transport::SetSwitchTimer() {
  // A peer of an earlier version stays until it reconnects.
  if (!peer_can_leave_) return;
  switch_timer_set_ = true;
  add_timer(static_cast<int>(rendezvous::UntilNextLook().count()), kSwitchTimer);
}

void Transport::CancelSwitchTimer() {
  if (switch_timer_set_) cancel_timer(kSwitchTimer);
  switch_timer_set_ = false;
}

void Transport::OnSwitchTimer() {
  switch_timer_set_ = false;
  auto why = SwitchedOffSince(engine_->_s);
  if (!why) return SetSwitchTimer();
  why_left_ = *std::move(why);
  StopSending();
}

void Transport::StopSending() {
  // Without the socket's end of the pipe the connection is about to end.
  if (leaving_ != Leaving::kNo || SocketsPipe() == nullptr) return;
  leaving_ = Leaving::kAsked;
  // By a number: the answer to a request of this session's last connection may still be under way.
  static std::atomic<uintptr_t> last_request{0};
  request_ = 1 + last_request.fetch_add(1, std::memory_order_relaxed);  // relaxed: only a number
  session_->send_call(SocketsPipe(), &SharedPipe::StopSending, reinterpret_cast<void*>(request_));
}

void Transport::SendingStopped(zmq::object_t* object, void* request) {
  auto* session = static_cast<zmq::session_base_t*>(static_cast<zmq::pipe_t*>(object)->_sink);
  Transport* self = session->_transport;
  if (self == nullptr || self->leaving_ != Leaving::kAsked ||
      self->request_ != reinterpret_cast<uintptr_t>(request)) {
    return;
  }
  self->leaving_ = Leaving::kStopped;
  self->PumpOutside();
}

// Nothing of ours goes into the ring any more.
void Transport::TellThatWeLeft() {
  leaving_ = Leaving::kTold;
  ListenForRoom(false);
  Send(std::string(kLeave));
}

bool Transport::OnPeerLeft() {
  if (peer_left_ || !peer_can_leave_) return false;
  peer_left_ = true;
  EndInput();
  ActivateSocket();
  if (why_left_.empty()) why_left_ = "the peer has left shared memory (samehost off)";
  StopSending();
  MaybeEndLink();
  return true;
}

void Transport::MaybeEndLink() {
  if (state_ != State::kShared || leaving_ != Leaving::kTold || !command_.empty() || !peer_left_) {
    return;
  }
  Record({FallbackReason::kSwitchedOff, why_left_});
  state_ = State::kSocket;
  EndLink();
}

}  // namespace samehost::zmq_transport
