#include "plugin/zmq/transport.h"

#include <poll.h>

#include <cerrno>

#include "mailbox.hpp"
#include "mechanism.hpp"
#include "metadata.hpp"
#include "plugin/zmq/pipe.h"
#include "plugin/zmq/watch.h"
#include "session_base.hpp"
#include "socket_base.hpp"
#include "stream_engine_base.hpp"

namespace samehost::zmq_transport {
namespace {

// Message properties, for zmq_msg_gets().
constexpr char kUidProperty[] = "X-Samehost-Uid";
constexpr char kPidProperty[] = "X-Samehost-Pid";

// Others drop what they cannot send at once, or leave out who cannot receive it.
bool StopsWhenFull(int type) {
  return type == ZMQ_PUSH || type == ZMQ_DEALER || type == ZMQ_PAIR || type == ZMQ_REQ ||
         type == ZMQ_REP;
}

}  // namespace

Transport::~Transport() {
  End();
  for (zmq::msg_t& part : outgoing_) part.close();
}

bool Transport::Connecting() const { return session_->_active; }

zmq::pipe_t* Transport::Pipe() const { return session_->_pipe; }

// SUBTLE: once this end has acknowledged the pipe's end, the other one may be gone.
zmq::pipe_t* Transport::SocketsPipe() const {
  const zmq::pipe_t* pipe = Pipe();
  if (pipe == nullptr || pipe->_state == zmq::pipe_t::term_ack_sent ||
      pipe->_state == zmq::pipe_t::term_req_sent2) {
    return nullptr;
  }
  return pipe->_peer;
}

std::string Transport::Name() const {
  return Connecting() ? engine_->_endpoint_uri_pair.remote : engine_->_endpoint_uri_pair.local;
}

// ---- Who the peer is -------------------------------------------------------------------------

void Transport::ForgetClaims(std::map<std::string, std::string>* properties) {
  properties->erase(kUidProperty);
  properties->erase(kPidProperty);
}

zmq::metadata_t* Transport::MakeMetadata(const rendezvous::PeerIdentity& peer) const {
  zmq::metadata_t::dict_t properties;
  engine_->init_properties(properties);
  const auto& zap = engine_->_mechanism->get_zap_properties();
  const auto& zmtp = engine_->_mechanism->get_zmtp_properties();
  properties.insert(zap.begin(), zap.end());
  properties.insert(zmtp.begin(), zmtp.end());
  ForgetClaims(&properties);
  properties[kUidProperty] = std::to_string(peer.uid);
  if (peer.pid > 0) properties[kPidProperty] = std::to_string(peer.pid);
  return new zmq::metadata_t(properties);
}

// ---- The link --------------------------------------------------------------------------------

void Transport::UseLink(rendezvous::Connected connected) {
  ForgetTicket();
  listener_.reset();
  link_ = std::move(connected.link);
  turn_ = std::make_shared<Turn>();
  writer_ = std::make_unique<Writer>(link_.get());
  shares_eventfds_ = link_->shares_eventfds();
  link_->Describe({.protocol = "zmq",
                   .name = Name(),
                   .peer_uid = connected.peer.uid,
                   .peer_pid = static_cast<uint32_t>(connected.peer.pid)});
  Record({});
  state_ = State::kShared;
  session_->_transport = this;
  socket_handle_ = add_fd(link_->socket_fd());
  set_pollin(socket_handle_);
  if (link_->pidfd() >= 0) {
    process_handle_ = add_fd(link_->pidfd());
    set_pollin(process_handle_);
  }
  room_handle_ = add_fd(link_->doorbell_fd());
  if (SocketsPipe() == nullptr) return;
  SetSwitchTimer();
  const uint64_t read_before = Pipe()->_msgs_read;
  turn_->drained.store(read_before, std::memory_order_relaxed);  // relaxed: sent with the call
  auto attachment = std::make_unique<SharedPipe::Attachment>();
  attachment->link = link_;
  attachment->turn = turn_;
  attachment->watch =
      static_cast<zmq::mailbox_t*>(session_->_socket->get_mailbox())->signaler().watch();
  attachment->metadata = MakeMetadata(connected.peer);
  attachment->max_message_bytes = engine_->_options.maxmsgsize;
  attachment->peer_send_mark = peer_send_mark_;
  attachment->peer_receive_mark = peer_receive_mark_;
  attachment->own_receive_mark = engine_->_options.rcvhwm;
  attachment->waits_for_room = StopsWhenFull(engine_->_options.type);
  attachment->read_before = read_before;
  attachment->local_before = Pipe()->_msgs_written - Pipe()->_credentials_written;
  session_->send_call(SocketsPipe(), &SharedPipe::Attach, attachment.release());
}

void Transport::in_event() {
  if (ticket_ != nullptr && !OnTicket()) return;
  if (state_ != State::kShared) return;
  if (listening_) {
    // The socket's thread may have been meant.
    link_->DrainDoorbell();
    ActivateSocket();
    PumpOutside();
  }
  if (state_ == State::kShared && socket_handle_ != nullptr) OnLinkReadable();
}

void Transport::OnLinkReadable() {
  const Status status = link_->OnSocketReadable();
  bool died = false;
  if (link_->pidfd() >= 0) {
    pollfd polled = {link_->pidfd(), POLLIN, 0};
    died = poll(&polled, 1, 0) > 0;
  }
  if (status.ok() && !died) {
    if (!shares_eventfds_) link_->RingSelf();
    return;
  }
  const bool refused = turn_->refused.load(std::memory_order_relaxed) ||
                       (!status.ok() && status.error().code == ErrorCode::kProtocol);
  // The peer may be done with the link sooner. If it has ended, the engine's own socket says so.
  if (!refused && leaving_ == Leaving::kTold) return IgnoreLink();
  errno = refused ? EPROTO : EPIPE;
  // Deletes this.
  engine_->error(refused ? zmq::i_engine::protocol_error : zmq::i_engine::connection_error);
}

void Transport::ActivateSocket() {
  if (SocketsPipe() == nullptr) return;
  session_->send_activate_read(Pipe()->_peer);
  session_->send_activate_write(SocketsPipe(), Pipe()->_msgs_read);
}

void Transport::ListenForRoom(bool listen) {
  if (listen == listening_) return;
  listening_ = listen;
  if (listen) {
    set_pollin(room_handle_);
  } else {
    reset_pollin(room_handle_);
  }
}

void Transport::Kick(zmq::object_t* object, void*) {
  auto* session = static_cast<zmq::session_base_t*>(static_cast<zmq::pipe_t*>(object)->_sink);
  if (session->_transport != nullptr) session->_transport->PumpOutside();
}

void Transport::PumpOutside() {
  Pump();
  if (leaving_ == Leaving::kTold && !command_.empty()) engine_->restart_output();
}

void Transport::Pump() {
  while (state_ == State::kShared && leaving_ != Leaving::kTold) {
    if (outgoing_.empty() || (outgoing_.back().flags() & zmq::msg_t::more) != 0) {
      // The parts of a message that is not complete go over the socket.
      if (leaving_ == Leaving::kStopped) return TellThatWeLeft();
      zmq::msg_t part;
      part.init();
      if (session_->pull_msg(&part) != 0) break;
      outgoing_.push_back(part);
      continue;
    }
    if (writer_->WritePieces(outgoing_) == Writer::Progress::kFull) {
      if (!link_->AwaitRoom(writer_->awaited_bytes())) continue;
      ListenForRoom(true);
      if (!link_->ArmFor(shm::Link::kForRoom)) continue;
      return;
    }
    for (zmq::msg_t& part : outgoing_) part.close();
    outgoing_.clear();
    link_->CountMessageSent();
    // From here on the socket's thread may be the producer. SYNC(turn)
    if (Pipe() != nullptr) {
      turn_->drained.store(Pipe()->_msgs_read, std::memory_order_release);
    }
  }
  ListenForRoom(false);
}

// ---- Ends ------------------------------------------------------------------------------------

void Transport::EndInput() {
  // relaxed: written by this thread only.
  if (turn_ == nullptr || turn_->input_ended.load(std::memory_order_relaxed)) return;
  turn_->input_end = link_->InputEnd();
  turn_->input_ended.store(true, std::memory_order_release);  // SYNC(ended)
}

void Transport::End() {
  if (state_ == State::kEnded) return;
  ForgetTicket();
  const bool shared = state_ == State::kShared;
  state_ = State::kEnded;
  if (shared) EndLink();
}

void Transport::IgnoreLink() {
  if (socket_handle_ != nullptr) rm_fd(socket_handle_);
  if (process_handle_ != nullptr) rm_fd(process_handle_);
  socket_handle_ = process_handle_ = nullptr;
}

void Transport::EndLink() {
  CancelSwitchTimer();
  session_->_transport = nullptr;
  turn_->ended.store(true, std::memory_order_relaxed);  // relaxed: see SharedPipe::OwnTurn()
  EndInput();
  link_->Close();
  IgnoreLink();
  rm_fd(room_handle_);
  writer_.reset();
  link_.reset();
  if (SocketsPipe() != nullptr) {
    session_->send_call(SocketsPipe(), &SharedPipe::Detach, nullptr);
    ActivateSocket();
  }
}

}  // namespace samehost::zmq_transport
