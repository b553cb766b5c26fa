#include "plugin/zmq/pipe.h"

#include <algorithm>

#include "plugin/zmq/pipe_queues.h"
#include "plugin/zmq/settings.h"
#include "plugin/zmq/transport.h"
#include "plugin/zmq/watch.h"

namespace samehost::zmq_transport {

// Large marks are not meant exactly: so many times their sum may be under way, as long as they fit
// into the ring, as stock has the kernel's buffers. A stream of which one side stands still for a
// moment needs it.
constexpr uint64_t kLargeMarks = 1000;
constexpr uint64_t kBeyondMarks = 4;
constexpr uint64_t kGrant = 16;  // messages beyond the marks at once
// So few may be under way that the I/O thread has none of them left.
constexpr uint64_t kLeftForOwnTurn = 64;

void SharedPipe::Attach(zmq::object_t* object, void* argument) {
  auto* pipe = static_cast<zmq::pipe_t*>(object);
  std::unique_ptr<Attachment> attachment(static_cast<Attachment*>(argument));
  // A pipe that ends is left alone: the session carries what is still in its queue.
  const bool usable = pipe->_state == zmq::pipe_t::active && pipe->_out_pipe != nullptr;
  if (usable && pipe->_shared == nullptr) pipe->_shared = new SharedPipe(pipe, attachment->watch);
  if (usable) {
    pipe->_shared->Use(std::move(attachment));
  } else if (attachment->metadata != nullptr && attachment->metadata->drop_ref()) {
    delete attachment->metadata;
  }
}

void SharedPipe::StopSending(zmq::object_t* object, void* request) {
  auto* pipe = static_cast<zmq::pipe_t*>(object);
  if (pipe->_shared != nullptr) pipe->_shared->LeaveOut();
  // Else this end of the pipe ends, and the other may be gone.
  if (pipe->_state == zmq::pipe_t::active || pipe->_state == zmq::pipe_t::waiting_for_delimiter) {
    pipe->send_call(pipe->_peer, &Transport::SendingStopped, request);
  }
}

void SharedPipe::Detach(zmq::object_t* object, void*) {
  auto* pipe = static_cast<zmq::pipe_t*>(object);
  if (pipe->_shared != nullptr) pipe->_shared->Leave();
}

SharedPipe::SharedPipe(zmq::pipe_t* pipe, Watch* watch)
    : pipe_(pipe), watch_(watch), in_(new InPipe(this, pipe->_in_pipe)) {
  pipe_->_in_pipe = in_;
  by_session_ = pipe_->_peers_msgs_read;
}

SharedPipe::~SharedPipe() {
  if (watched_) watch_->Remove(this);
}

void SharedPipe::Use(std::unique_ptr<Attachment> attachment) {
  Leave();
  link_ = attachment->link;
  turn_ = attachment->turn;
  const int own = attachment->own_receive_mark, peer = attachment->peer_send_mark;
  const uint64_t mark = own > 0 && peer > 0 ? uint64_t(own) + peer : 0;
  stops_when_full_ = attachment->waits_for_room;
  waits_for_room_ = stops_when_full_ && Settings::Get().max_look_nanos > 0;
  in_->Use(std::make_unique<Reader>(link_, turn_, attachment->metadata,
                                    attachment->max_message_bytes, mark, attachment->local_before));
  const uint64_t local_written = pipe_->_msgs_written - direct_;
  base_ = attachment->read_before + direct_;
  peer_taken_ = credit_wanted_ = 0;
  out_ = std::make_unique<OutPipe>(this, pipe_->_out_pipe, link_.get(), local_written);
  pipe_->_out_pipe = out_.get();
  // As between two sockets of one process: the sum of both sides' marks.
  pipe_->set_hwms_boost(attachment->peer_send_mark, attachment->peer_receive_mark);
  own_mark_ = pipe_->_hwm;
  shared_mark_ = own_mark_ > 0 && attachment->peer_receive_mark > 0
                     ? own_mark_ + attachment->peer_receive_mark
                     : 0;
  pipe_->_hwm = shared_mark_;
  pipe_->_peers_msgs_read = Credit();
  watched_ = watch_->Add(this);
  // Both ends of the pipe look again.
  pipe_->process_activate_write(by_session_);
  pipe_->process_activate_read();
}

// From here on messages go through the local queue; what is in the ring comes before them.
void SharedPipe::LeaveOut() {
  if (out_ == nullptr) return;
  StopWriterWaiting();
  if (pipe_->_out_pipe == out_.get()) {
    pipe_->flush();
    pipe_->_out_pipe = out_->Leave();
  }
  // Unless the user has set another one since.
  pipe_->_hwm =
      pipe_->_hwm == shared_mark_ ? own_mark_ : std::max(0, pipe_->_hwm - pipe_->_out_hwm_boost);
  pipe_->set_hwms_boost(-1, -1);
  out_.reset();
  if (pipe_->_out_pipe != nullptr) pipe_->process_activate_write(by_session_);
}

void SharedPipe::Leave() {
  if (link_ == nullptr) return;
  if (watched_) watch_->Remove(this);
  watched_ = false;
  LeaveOut();
  link_.reset();
  turn_.reset();
  in_->ForgetEmptyLinks();
  if (reader_waits_) {
    reader_waits_ = false;
    pipe_->process_activate_read();
  }
}

bool SharedPipe::Readable() const {
  return pipe_->_state == zmq::pipe_t::active ||
         pipe_->_state == zmq::pipe_t::waiting_for_delimiter;
}

bool SharedPipe::OwnTurn() const {
  return out_ != nullptr &&
         !turn_->ended.load(std::memory_order_relaxed) &&  // relaxed: only the sooner, the better
         turn_->drained.load(std::memory_order_acquire) == out_->local_written();  // SYNC(turn)
}

// ---- High-water marks ------------------------------------------------------------------------

uint64_t SharedPipe::Credit() const { return base_ + peer_taken_; }

uint64_t SharedPipe::PeersMessagesRead(uint64_t by_session) {
  by_session_ = by_session;
  return out_ == nullptr ? by_session_ + direct_ : Credit();
}

bool SharedPipe::FindCredit() {
  if (out_ == nullptr) return false;
  const uint64_t mark = static_cast<uint64_t>(pipe_->_hwm);
  for (;;) {
    const uint64_t taken = link_->MessagesTakenByPeer();
    if (taken > pipe_->_msgs_written - base_) {
      Refuse();
      return false;
    }
    peer_taken_ = std::max(peer_taken_, taken);
    const uint64_t under_way = pipe_->_msgs_written - Credit();
    const bool beyond = stops_when_full_ && under_way >= mark && mark >= kLargeMarks &&
                        under_way + kGrant <= kBeyondMarks * mark && OwnTurn() &&
                        out_->HasRoomFor(kGrant);
    pipe_->_peers_msgs_read = beyond ? pipe_->_msgs_written - mark + kGrant : Credit();
    if (under_way < mark || beyond) {
      StopWriterWaiting();
      return true;
    }
    // Half of what is under way is to have been taken when the pipe is activated, as in libzmq. Or
    // nearly all, so that no message has to take the long way any more.
    const uint64_t left = OwnTurn() ? under_way / 2 : std::min(under_way / 2, kLeftForOwnTurn);
    credit_wanted_ = pipe_->_msgs_written - base_ - left;
    link_->AwaitMessagesTaken(credit_wanted_);
    writer_waits_ = true;
    if (watched_ && watch_->Waits(this)) return false;
    armed_ = true;
    if (link_->ArmFor(shm::Link::kForMessages)) return false;
    Disarm();
  }
}

// SUBTLE: waiting for such a peer to take more would find at once that it has.
void SharedPipe::Refuse() {
  RefusePeer(link_.get(), turn_.get(), "it has taken more messages than it was sent");
  StopWriterWaiting();
}

void SharedPipe::StopWriterWaiting() {
  if (!writer_waits_) return;
  writer_waits_ = false;
  link_->AwaitMessagesTaken(0);
}

void SharedPipe::EndInput() { in_->EndInput(); }

bool SharedPipe::ReadFromRing() const { return in_->from_ring(); }

// ---- The only pipe of a socket ---------------------------------------------------------------

bool SharedPipe::MayWrite() const {
  if (!pipe_->_out_active || pipe_->_state != zmq::pipe_t::active || out_ == nullptr) return false;
  const uint64_t under_way = pipe_->_msgs_written - pipe_->_peers_msgs_read;
  return pipe_->_hwm <= 0 || under_way < static_cast<uint64_t>(pipe_->_hwm);
}

bool SharedPipe::SendAlone(zmq::msg_t* message) {
  if (!MayWrite() || !out_->SendSmall(message)) return false;
  ++pipe_->_msgs_written;
  return true;
}

bool SharedPipe::SendAlone(const void* data, size_t size) {
  if (!MayWrite() || !out_->SendSmall({static_cast<const std::byte*>(data), size})) return false;
  ++pipe_->_msgs_written;
  return true;
}

bool SharedPipe::ReceiveAlone(zmq::msg_t* message) {
  return pipe_->_in_active && Readable() && in_->ReceiveSmall(message);
}

// ---- Waiting ---------------------------------------------------------------------------------

int SharedPipe::doorbell_fd() const { return link_->doorbell_fd(); }

// The pipe was found empty. False: it no longer is.
bool SharedPipe::ReaderWaits() {
  reader_waits_ = true;
  shm::Link* link = in_->link();
  if (link != link_.get()) return true;  // an old link: the I/O thread activates the pipe
  if (watched_ && watch_->Waits(this)) return true;
  armed_ = true;
  if (link->ArmFor(shm::Link::kForInput)) {
    KickSession();
    return true;
  }
  reader_waits_ = false;
  Disarm();
  return false;
}

// SUBTLE: the ring of the doorbell that the I/O thread waits for may have been taken away by an
// arming of this thread that came just after it.
void SharedPipe::KickSession() {
  if (link_ != nullptr && Readable() && !OwnTurn() && link_->HasRoom())
    pipe_->send_call(pipe_->_peer, &Transport::Kick, nullptr);
}

bool SharedPipe::WorkHere() const {
  return link_ != nullptr && ((reader_waits_ && in_->InputHere()) || CreditHere());
}

// SUBTLE: what made Arm() say that something has come must be found here.
bool SharedPipe::HasWork() const {
  return link_ != nullptr && ((reader_waits_ && in_->HasInput()) || CreditHere());
}

bool SharedPipe::CreditHere() const {
  return writer_waits_ && link_->MessagesTakenByPeer() >= credit_wanted_;
}

bool SharedPipe::WorkAnnounced() const {
  return link_ != nullptr && reader_waits_ && link_->AnnouncedInput() != 0;
}

void SharedPipe::Disarm() {
  // While the I/O thread may wait for room the doorbell stays armed.
  if (armed_ && link_ != nullptr && OwnTurn()) {
    armed_ = false;
    link_->SetWatch(shm::Link::Watch::kWatched);
  }
}

bool SharedPipe::Arm() {
  if (link_ == nullptr || !(reader_waits_ || writer_waits_)) return true;
  armed_ = true;
  const bool armed = link_->ArmFor((reader_waits_ ? shm::Link::kForInput : 0) |
                                   (writer_waits_ ? shm::Link::kForMessages : 0));
  KickSession();
  return armed;
}

void SharedPipe::OnWork() {
  if (link_ == nullptr) return;
  if (CreditHere()) {
    StopWriterWaiting();
    pipe_->process_activate_write(by_session_);
  }
  if (link_ != nullptr && reader_waits_ && in_->HasInput()) {
    reader_waits_ = false;
    pipe_->process_activate_read();
  }
}

void SharedPipe::OnDoorbell() {
  OnWork();
  if (!Arm()) OnWork();
}

bool SharedPipe::Trim() { return link_ == nullptr || (OwnTurn() && link_->TrimIdle()); }

}  // namespace samehost::zmq_transport
