// How a connection comes to its link, or stays on its socket.
#include <charconv>
#include <cstring>
#include <string_view>

#include "mailbox.hpp"
#include "mechanism.hpp"
#include "plugin/rendezvous/decision_log.h"
#include "plugin/zmq/connector.h"
#include "plugin/zmq/settings.h"
#include "plugin/zmq/transport.h"
#include "plugin/zmq/watch.h"
#include "session_base.hpp"
#include "socket_base.hpp"
#include "stream_engine_base.hpp"

namespace samehost::zmq_transport {
namespace {

constexpr char kProperty[] = "X-Samehost";
constexpr std::string_view kVersion = "2";
// A ZMTP command: the length of its name, its name, and its body.
constexpr std::string_view kCommand = "\x08SAMEHOST";
constexpr std::string_view kYes = "yes", kNo = "no";
constexpr std::string_view kCanLeave = "leave";
// The link of a peer that has said "yes" is on its way inside this process.
constexpr int kLateLinkMs = 1000;      // when the peer has ended its connection since
constexpr int kLinkTimeoutMs = 10000;  // else; then the connection is closed

// "2 1000 1000 leave": version, ZMQ_SNDHWM, ZMQ_RCVHWM, and words for what else this side can do;
// words that are not known are passed over.
std::string MakeProperty(const zmq::options_t& options) {
  return std::string(kVersion) + " " + std::to_string(options.sndhwm) + " " +
         std::to_string(options.rcvhwm) + " " + std::string(kCanLeave);
}

rendezvous::DecisionLog& Decisions() {
  static rendezvous::DecisionLog& log = []() -> auto& {
    rendezvous::DecisionLog::Get().SetProtocol("zmq");
    return rendezvous::DecisionLog::Get();
  }
  ();
  return log;
}

rendezvous::DecisionSide SideOf(bool connecting) {
  return connecting ? rendezvous::DecisionSide::kConnecting : rendezvous::DecisionSide::kListening;
}

// kNone: for shared memory.
void RecordDecision(const std::string& name, bool connecting, const Fallback& why) {
  const auto side = SideOf(connecting);
  if (why.reason == FallbackReason::kNone) {
    Decisions().RecordShared(name, side);
  } else {
    Decisions().RecordFallback(name, why, side);
  }
}

// The peer does not offer shared memory. Of one on this host a user is warned; of another host's it
// is what one expects.
void RecordNoOffer(const std::string& name, bool connecting, int socket) {
  const Fallback why = {FallbackReason::kServerNotFound, "the peer does not offer shared memory"};
  if (!PeerIsElsewhere(socket)) return RecordDecision(name, connecting, why);
  Decisions().Record(name, why, SideOf(connecting));
  Decisions().LogExpected(name, why);
}

std::string_view NextWord(std::string_view* text) {
  const size_t space = text->find(' ');
  const std::string_view word = text->substr(0, space);
  *text = space == std::string_view::npos ? "" : text->substr(space + 1);
  return word;
}

bool ReadMark(std::string_view word, int* mark) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), *mark);
  return error == std::errc() && end == word.data() + word.size() && *mark >= 0 &&
         *mark <= INT32_MAX / 4;
}

}  // namespace

zmq::options_t Transport::Offer(const zmq::options_t& options, zmq::fd_t socket,
                                const zmq::endpoint_uri_pair_t& endpoints) {
  zmq::options_t with = options;
  if (WhyNotShare(options, socket, endpoints).reason == FallbackReason::kNone) {
    with.app_metadata[kProperty] = MakeProperty(options);
  }
  return with;
}

Transport* Transport::Create(zmq::stream_engine_base_t* engine) {
  const auto& endpoints = engine->_endpoint_uri_pair;
  const bool connecting = engine->_session->_active;
  const std::string& name = connecting ? endpoints.remote : endpoints.local;
  const auto none = [&](const Fallback& why) {
    RecordDecision(name, connecting, why);
    return nullptr;
  };
  if (engine->_options.app_metadata.count(kProperty) == 0) {
    return none(WhyNotShare(engine->_options, engine->_s, endpoints));
  }
  const auto& properties = engine->_mechanism->get_zmtp_properties();
  const auto found = properties.find(kProperty);
  if (found == properties.end()) {
    RecordNoOffer(name, connecting, engine->_s);
    return nullptr;
  }
  auto transport = std::unique_ptr<Transport>(new Transport(engine, found->second));
  if (transport->state_ == State::kSocket) {
    return none({FallbackReason::kVersionMismatch, "the peer offers " + found->second});
  }
  return transport.release();
}

Transport::Transport(zmq::stream_engine_base_t* engine, std::string peer_property)
    : io_object_t(engine->_session->_io_thread), engine_(engine), session_(engine->_session) {
  std::string_view text = peer_property;
  state_ = State::kSocket;
  // Another version is another protocol: both sides see that, and neither expects anything.
  if (NextWord(&text) != kVersion) return;
  if (!ReadMark(NextWord(&text), &peer_send_mark_)) return;
  if (!ReadMark(NextWord(&text), &peer_receive_mark_)) return;
  while (!text.empty()) peer_can_leave_ = NextWord(&text) == kCanLeave || peer_can_leave_;
  state_ = State::kAwaitsOffer;
  if (!Connecting()) StartAccepting();
}

void Transport::Record(const Fallback& why) const { RecordDecision(Name(), Connecting(), why); }

void Transport::StartAccepting() {
  state_ = State::kAwaitsDecision;
  auto listener = Listener::Get();
  ticket_ = std::make_shared<Ticket>();
  if (listener && ticket_->fd() >= 0) {
    listener_ = *std::move(listener);
    token_ = listener_->Expect(ticket_);
  }
  if (token_.empty()) {
    Record(listener ? Fallback{FallbackReason::kDescriptorsShort, "for the rendezvous"}
                    : rendezvous::ToFallback(listener.error()));
    Send(std::string(kNo));
    return;
  }
  WatchTicket();
  Send(listener_->name() + " " + token_);
}

void Transport::WatchTicket() {
  ticket_handle_ = add_fd(ticket_->fd());
  set_pollin(ticket_handle_);
}

void Transport::ForgetTicket() {
  if (waits_for_link_) cancel_timer(kLinkTimer);
  waits_for_link_ = false;
  if (ticket_handle_ != nullptr) rm_fd(ticket_handle_);
  ticket_handle_ = nullptr;
  if (!token_.empty()) listener_->Forget(token_);
  token_.clear();
  ticket_.reset();
}

void Transport::Send(std::string body) { command_ = std::string(kCommand) + body; }

int Transport::NextMessage(zmq::msg_t* message) {
  if (state_ == State::kShared && command_.empty()) Pump();
  if (!command_.empty()) {
    if (message->init_size(command_.size()) != 0) return -1;
    std::memcpy(message->data(), command_.data(), command_.size());
    message->set_flags(zmq::msg_t::command);
    const bool was_no = std::string_view(command_).substr(kCommand.size()) == kNo;
    command_.clear();
    if (was_no) state_ = State::kSocket;
    MaybeEndLink();
    return 0;
  }
  const bool left = leaving_ == Leaving::kTold;
  if (left && !outgoing_.empty()) {
    *message = outgoing_.front();
    outgoing_.erase(outgoing_.begin());
    return 0;
  }
  if (left) return session_->pull_msg(message);
  errno = EAGAIN;
  return -1;
}

int Transport::ProcessMessage(zmq::msg_t* message) {
  const bool command = (message->flags() & zmq::msg_t::command) != 0;
  const std::string_view bytes(static_cast<const char*>(message->data()), message->size());
  // It was quicker than the link that it has decided for: what comes now comes behind the ring.
  if (state_ == State::kAwaitsDecision && accepted_ && command &&
      bytes == std::string(kCommand) + kLeave) {
    input_held_ = true;
    errno = EAGAIN;
    return -1;
  }
  bool good = command;  // heartbeats and commands of later versions
  if (command && bytes.substr(0, kCommand.size()) == kCommand) {
    good = OnCommand(std::string(bytes.substr(kCommand.size())));
  }
  if (!good) {
    errno = EPROTO;
    return -1;
  }
  message->close();
  message->init();
  return 0;
}

bool Transport::OnCommand(const std::string& body) {
  switch (state_) {
    case State::kAwaitsOffer:
      return OnOffer(body);
    case State::kAwaitsDecision:
      return OnDecision(body);
    case State::kShared:
      return body == kLeave && OnPeerLeft();
    default:
      return false;
  }
}

bool Transport::OnOffer(const std::string& body) {
  if (body == kNo) {
    UseSocket({FallbackReason::kNoRendezvousDirectory, "the server cannot offer shared memory"});
    return true;
  }
  std::string_view text = body;
  const std::string name(NextWord(&text));
  const std::string token(NextWord(&text));
  if (name.empty() || token.empty()) return false;
  ticket_ = std::make_shared<Ticket>();
  zmq::mailbox_t* mailbox = static_cast<zmq::mailbox_t*>(session_->_socket->get_mailbox());
  if (ticket_->fd() < 0 || !mailbox->signaler().watch()->usable()) {
    Send(std::string(kNo));
    Record({FallbackReason::kDescriptorsShort, "for the rendezvous"});
    return true;
  }
  state_ = State::kAwaitsLink;
  WatchTicket();
  ConnectInBackground(name, token, ticket_);
  return true;
}

bool Transport::OnDecision(const std::string& body) {
  if (body == kNo) {
    UseSocket({FallbackReason::kHandshakeFailed, "the client keeps to the socket"});
    return true;
  }
  if (body != kYes || accepted_) return false;
  accepted_ = true;
  waits_for_link_ = true;
  add_timer(kLinkTimeoutMs, kLinkTimer);
  OnTicket();  // it may have come before
  return true;
}

bool Transport::OnTicket() {
  if (ticket_ == nullptr || (state_ == State::kAwaitsDecision && !accepted_)) return true;
  auto outcome = ticket_->Take();
  if (!outcome) return true;
  if (state_ == State::kAwaitsDecision) {
    auto* connected = std::get_if<rendezvous::Connected>(&*outcome);
    if (connected == nullptr) return true;
    UseLink(std::move(*connected));
    Pump();
    if (const auto why = std::exchange(postponed_end_, std::nullopt)) {
      engine_->error(*why);  // deletes this
      return false;
    }
    if (std::exchange(input_held_, false)) return engine_->restart_input();
    return true;
  }
  if (state_ != State::kAwaitsLink) return true;
  auto* connected = std::get_if<rendezvous::Connected>(&*outcome);
  if (connected != nullptr) {
    Send(std::string(kYes));
    UseLink(std::move(*connected));
    Pump();
  } else {
    Record(std::get<Fallback>(*outcome));
    ForgetTicket();
    Send(std::string(kNo));
  }
  engine_->restart_output();
  return true;
}

// It may have put messages into the ring and left at once.
bool Transport::PostponesEnd(zmq::i_engine::error_reason_t why) {
  if (postponed_end_) return true;
  if (why != zmq::i_engine::connection_error || !waits_for_link_ || !ticket_->imminent())
    return false;
  postponed_end_ = why;
  // As the engine itself does when its socket has failed.
  if (!engine_->_io_error) engine_->rm_fd(engine_->_handle);
  engine_->_io_error = true;
  cancel_timer(kLinkTimer);
  add_timer(kLateLinkMs, kLinkTimer);
  return true;
}

void Transport::timer_event(int id) {
  if (id == kSwitchTimer) return OnSwitchTimer();
  waits_for_link_ = false;
  errno = EPROTO;
  // Without a link to wait for, no end is postponed any more.
  ForgetTicket();
  // Deletes this.
  engine_->error(
      std::exchange(postponed_end_, std::nullopt).value_or(zmq::i_engine::protocol_error));
}

void Transport::UseSocket(const Fallback& why) {
  Record(why);
  ForgetTicket();
  state_ = State::kSocket;
  engine_->restart_output();  // for what was sent meanwhile: the engine has stopped asking for it
}

}  // namespace samehost::zmq_transport
