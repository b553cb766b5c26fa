// Transport: the I/O thread's end of one connection that may go through shared memory. The engine
// makes it once the ordinary ZMTP handshake is over and the peer has said that it can do this too:
//
//   connecting side                                accepting side
//        READY, with the property      <-------->  READY, with the property
//                                      <---------  SAMEHOST offer: name and token, or "no"
//   rendezvous under that name (connector.h)       the link arrives under that token (listener.h)
//        SAMEHOST "yes" or "no"        --------->
//
// Until "yes" or "no" neither side sends messages, so there is nothing to put in order. After "no"
// the engine goes on as always. After "yes" all messages go through the link; the socket stays for
// heartbeats, and for noticing the peer's end as it always was noticed. After "leave", each way, it
// carries the messages again (transport_leave.cc).
//
// Owner: the engine. The I/O thread. The peer is hostile: what breaks the protocol ends its
// connection.
#ifndef SAMEHOST_PLUGIN_ZMQ_TRANSPORT_H_
#define SAMEHOST_PLUGIN_ZMQ_TRANSPORT_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "endpoint.hpp"
#include "fd.hpp"
#include "i_engine.hpp"
#include "io_object.hpp"
#include "msg.hpp"
#include "options.hpp"
#include "plugin/shm/link.h"
#include "plugin/zmq/listener.h"
#include "plugin/zmq/ticket.h"
#include "plugin/zmq/turn.h"
#include "plugin/zmq/writer.h"

namespace zmq {
class metadata_t;
class pipe_t;
class session_base_t;
class stream_engine_base_t;
}  // namespace zmq

namespace samehost::zmq_transport {

class Transport final : public zmq::io_object_t {
 public:
  // The options of an engine for this socket: with the property when shared memory may be offered.
  static zmq::options_t Offer(const zmq::options_t& options, zmq::fd_t socket,
                              const zmq::endpoint_uri_pair_t& endpoints);
  // Nobody but the kernel says who a peer is: what it says itself is left out of its messages'
  // properties.
  static void ForgetClaims(std::map<std::string, std::string>* properties);
  // Null when the connection is to stay on its socket.
  static Transport* Create(zmq::stream_engine_base_t* engine);
  ~Transport() override;

  // Whether the engine is to carry the messages: those that go out, and those that come in.
  bool sends_on_socket() const {
    const bool ring_is_over = state_ == State::kSocket || leaving_ == Leaving::kTold;
    return ring_is_over && command_.empty() && outgoing_.empty();
  }
  bool receives_on_socket() const { return state_ == State::kSocket || peer_left_; }
  // The engine wants something to send. -1 and EAGAIN: nothing.
  int NextMessage(zmq::msg_t* message);
  // The engine has received something. -1 and EPROTO: the peer breaks the protocol.
  int ProcessMessage(zmq::msg_t* message);
  // For object_t::send_call: there may be room in the ring. `pipe`: the session's end.
  static void Kick(zmq::object_t* pipe, void*);
  // For object_t::send_call: the socket's thread has done what StopSending() asked for.
  static void SendingStopped(zmq::object_t* pipe, void* request);
  // The session ends: what has arrived may still be read.
  void EndInput();
  // The connection is about to end. True: not yet, as the link of a peer that has decided for it is
  // on its way, with messages maybe; the engine's error() is called again.
  bool PostponesEnd(zmq::i_engine::error_reason_t why);
  // The connection ends.
  void End();

  void in_event() override;
  void out_event() override {}
  void timer_event(int id) override;

 private:
  enum class State { kAwaitsOffer, kAwaitsLink, kAwaitsDecision, kShared, kSocket, kEnded };
  // On the way from the link to the socket: the socket's thread was asked to write no more into the
  // ring, it does not any more, and the peer was told.
  enum class Leaving { kNo, kAsked, kStopped, kTold };
  enum Timer : int { kLinkTimer = 0, kSwitchTimer = 1 };
  static constexpr char kLeave[] = "leave";

  Transport(zmq::stream_engine_base_t* engine, std::string peer_property);
  bool Connecting() const;
  void StartAccepting();
  bool OnCommand(const std::string& body);
  bool OnOffer(const std::string& body);
  bool OnDecision(const std::string& body);
  // False: this is no more.
  bool OnTicket();
  void Send(std::string body);
  // Notes the decision; kNone: for the link.
  void Record(const Fallback& why) const;
  void UseSocket(const Fallback& why);
  void UseLink(rendezvous::Connected connected);
  // Of the messages that come through the link. The caller owns a reference.
  zmq::metadata_t* MakeMetadata(const rendezvous::PeerIdentity& peer) const;
  void WatchTicket();
  void ForgetTicket();
  void OnLinkReadable();
  // Moves what waits in the session's pipe into the ring.
  void Pump();
  // The same when it is not the engine that asks.
  void PumpOutside();
  // ---- transport_leave.cc
  void SetSwitchTimer();
  void CancelSwitchTimer();
  void OnSwitchTimer();
  void StopSending();
  void TellThatWeLeft();
  bool OnPeerLeft();
  void MaybeEndLink();
  // The link is used no more; what has come through it may still be read.
  void EndLink();
  void IgnoreLink();
  void ListenForRoom(bool listen);
  void ActivateSocket();
  // The session's end of the pipe, and the socket's; null when there is none.
  zmq::pipe_t* Pipe() const;
  zmq::pipe_t* SocketsPipe() const;
  std::string Name() const;

  zmq::stream_engine_base_t* const engine_;
  zmq::session_base_t* const session_;
  State state_;
  int peer_send_mark_ = 0, peer_receive_mark_ = 0;
  std::string command_;  // to be sent; empty: none
  std::shared_ptr<Ticket> ticket_;
  zmq::poller_t::handle_t ticket_handle_ = nullptr;
  std::shared_ptr<Listener> listener_;
  std::string token_;
  bool accepted_ = false;        // the peer has decided for the link, which has not arrived
  bool waits_for_link_ = false;  // and a timer runs
  bool input_held_ = false;      // the peer has left a link that has not arrived
  std::optional<zmq::i_engine::error_reason_t> postponed_end_;

  // kShared
  std::shared_ptr<shm::Link> link_;
  std::shared_ptr<Turn> turn_;
  std::unique_ptr<Writer> writer_;
  bool shares_eventfds_ = true;
  zmq::poller_t::handle_t socket_handle_ = nullptr;
  zmq::poller_t::handle_t process_handle_ = nullptr;
  zmq::poller_t::handle_t room_handle_ = nullptr;
  bool listening_ = false;            // for room
  std::vector<zmq::msg_t> outgoing_;  // a whole message that is being written
  Leaving leaving_ = Leaving::kNo;
  uintptr_t request_ = 0;  // StopSending()'s number
  bool peer_can_leave_ = false, peer_left_ = false;
  bool switch_timer_set_ = false;
  std::string why_left_;
};

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_TRANSPORT_H_
