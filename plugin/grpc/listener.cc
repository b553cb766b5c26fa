#include "plugin/grpc/listener.h"

#include <grpc/event_engine/event_engine.h>
#include <grpc/support/log.h>

#include <mutex>
#include <optional>
#include <utility>

#include "plugin/grpc/auth_context.h"
#include "plugin/grpc/channel_args_objects.h"
#include "plugin/grpc/channel_socket.h"
#include "plugin/grpc/security_profile.h"
#include "plugin/grpc/socket_address.h"
#include "plugin/grpc/transport.h"
#include "plugin/rendezvous/decision_log.h"
#include "src/core/lib/event_engine/default_event_engine.h"
#include "src/core/lib/gprpp/status_helper.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/transport/transport_impl.h"

namespace samehost::grpc_transport {

class Listener::State : public std::enable_shared_from_this<Listener::State> {
 public:
  State(std::string label, grpc_core::Server* server, grpc_core::ChannelArgs args,
        grpc_core::RefCountedPtr<Settings> settings)
      : server_(server),
        args_(std::move(args)),
        settings_(std::move(settings)),
        label_(std::move(label)) {}

  // The rendezvous's handlers, on its thread.
  rendezvous::Verdict Judge(const std::string& request);
  void Accept(rendezvous::Connected connected);

  void Start(const std::vector<grpc_pollset*>* pollsets);
  void Stop();
  void SetOnDestroyDone(grpc_closure* on_destroy_done);

  const grpc_core::ChannelArgs& args() const { return args_; }
  const std::string& label() const { return label_; }
  // Only while no client has been told of the address yet.
  void set_label(std::string label) { label_ = std::move(label); }

 private:
  enum class Phase { kWaiting, kServing, kStopped };

  void SetUpSoon(rendezvous::Connected connected);
  void SetUp(rendezvous::Connected connected);
  grpc_pollset* NextPollset();
  void WorkDone();
  void MaybeReportDestroyedLocked();

  grpc_core::Server* const server_;
  const grpc_core::ChannelArgs args_;
  const grpc_core::RefCountedPtr<Settings> settings_;
  std::string label_;

  std::mutex mutex_;
  Phase phase_ = Phase::kWaiting;
  std::vector<rendezvous::Connected> waiting_;
  const std::vector<grpc_pollset*>* pollsets_ = nullptr;
  size_t next_pollset_ = 0;
  size_t work_ = 0;  // links on their way to the server, on other threads
  grpc_closure* on_destroy_done_ = nullptr;
};

rendezvous::Verdict Listener::State::Judge(const std::string& request) {
  const std::optional<Introduction> client = Decode(request);
  rendezvous::Verdict verdict;
  if (!client.has_value()) {
    verdict.reason = FallbackReason::kVersionMismatch;
    verdict.detail = "the client's introduction is of another version";
    return verdict;
  }
  const Fallback both = CheckBoth(client->profile, settings_->profile, client->address);
  verdict.reason = both.reason;
  verdict.detail = both.detail;
  verdict.reply = Encode(Introduction{settings_->profile, client->address});
  if (verdict.reason != FallbackReason::kNone) {
    rendezvous::DecisionLog::Get().LogRefusal(label_, both);
    return verdict;
  }
  std::lock_guard lock(mutex_);
  if (phase_ == Phase::kStopped) {
    verdict.reason = FallbackReason::kServerShuttingDown;
  } else if (phase_ == Phase::kWaiting && waiting_.size() >= kMaxWaiting) {
    verdict.reason = FallbackReason::kHandshakeFailed;
    verdict.detail = "the server has not started yet, and enough clients wait for it";
  }
  return verdict;
}

void Listener::State::Accept(rendezvous::Connected connected) {
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::kStopped) return;  // the link ends here, its client reconnects
    if (phase_ == Phase::kWaiting) {
      waiting_.push_back(std::move(connected));
      return;
    }
    ++work_;
  }
  SetUpSoon(std::move(connected));
}

void Listener::State::Start(const std::vector<grpc_pollset*>* pollsets) {
  std::vector<rendezvous::Connected> early;
  {
    std::lock_guard lock(mutex_);
    phase_ = Phase::kServing;
    pollsets_ = pollsets;
    early.swap(waiting_);
    work_ += early.size();
  }
  for (rendezvous::Connected& connected : early) SetUpSoon(std::move(connected));
}

// Requires that the caller has counted it in work_.
void Listener::State::SetUpSoon(rendezvous::Connected connected) {
  grpc_event_engine::experimental::GetDefaultEventEngine()->Run(
      [self = shared_from_this(), connected = std::move(connected)]() mutable {
        grpc_core::ApplicationCallbackExecCtx callback_exec_ctx;
        grpc_core::ExecCtx exec_ctx;
        self->SetUp(std::move(connected));
        self->WorkDone();
        self.reset();  // may end channel arguments, which need the ExecCtx
      });
}

void Listener::State::SetUp(rendezvous::Connected connected) {
  grpc_pollset* pollset = NextPollset();
  if (pollset == nullptr) return;  // stopped meanwhile; the link ends here
  const rendezvous::PeerIdentity peer = connected.peer;
  const grpc_core::ChannelArgs args = With(args_, MakeAuthContext(settings_->profile, peer));
  TransportOptions options;
  options.is_client = false;
  options.peer_string = PeerString(peer);
  options.address = label_;
  options.directory = settings_->options.directory;
  options.socket_node = MakeSocketNode(args, label_, peer);
  const auto socket_node = options.socket_node;
  ::grpc_transport* transport = CreateTransport(args, std::move(connected), std::move(options));
  const grpc_error_handle error = server_->SetupTransport(transport, pollset, args, socket_node);
  if (!error.ok()) {
    gpr_log(GPR_ERROR, "samehost: %s: failed to create channel: %s", label_.c_str(),
            grpc_core::StatusToString(error).c_str());
    grpc_transport_destroy(transport);
    StartTransport(transport, /*on_close=*/nullptr);
    return;
  }
  StartTransport(transport, /*on_close=*/nullptr);
}

// The pollset that "accepted" the next link: each completion queue gets its turn. Null when
// stopped.
grpc_pollset* Listener::State::NextPollset() {
  std::lock_guard lock(mutex_);
  if (phase_ != Phase::kServing || pollsets_->empty()) return nullptr;
  return (*pollsets_)[next_pollset_++ % pollsets_->size()];
}

void Listener::State::WorkDone() {
  std::lock_guard lock(mutex_);
  --work_;
  MaybeReportDestroyedLocked();
}

void Listener::State::SetOnDestroyDone(grpc_closure* on_destroy_done) {
  std::lock_guard lock(mutex_);
  on_destroy_done_ = on_destroy_done;
}

// Requires that no handler of the rendezvous runs any more.
void Listener::State::Stop() {
  std::vector<rendezvous::Connected> dropped;
  std::lock_guard lock(mutex_);
  phase_ = Phase::kStopped;
  dropped.swap(waiting_);
  MaybeReportDestroyedLocked();
}

void Listener::State::MaybeReportDestroyedLocked() {
  if (phase_ != Phase::kStopped || work_ > 0 || on_destroy_done_ == nullptr) return;
  // From here on the server may end: nothing touches server_ or pollsets_ any more.
  grpc_core::ExecCtx::Run(DEBUG_LOCATION, std::exchange(on_destroy_done_, nullptr),
                          absl::OkStatus());
}

Result<grpc_core::OrphanablePtr<Listener>> Listener::Announce(
    const rendezvous::Address& address, grpc_core::Server* server, grpc_core::ChannelArgs args,
    grpc_core::RefCountedPtr<Settings> settings) {
  const rendezvous::Options options = settings->ForRendezvous();
  auto state = std::make_shared<State>(rendezvous::ToString(address), server, std::move(args),
                                       std::move(settings));
  rendezvous::AcceptHandler handler;
  handler.judge = [state](const rendezvous::PeerIdentity&, const std::string& request) {
    return state->Judge(request);
  };
  handler.accept = [state](rendezvous::Connected connected) {
    state->Accept(std::move(connected));
  };
  Result<std::unique_ptr<rendezvous::Announcement>> announcement =
      rendezvous::Announce(address, options, std::move(handler));
  if (!announcement.ok()) return announcement.error();
  grpc_core::OrphanablePtr<Listener> listener(new Listener(std::move(state)));
  listener->announcement_ = *std::move(announcement);
  return listener;
}

Listener::Listener(std::shared_ptr<State> state)
    : state_(std::move(state)),
      socket_node_(MakeListenSocketNode(state_->args(), state_->label())) {}

Listener::~Listener() = default;

Status Listener::SetPort(uint16_t port) {
  const std::string& old = state_->label();
  state_->set_label(old.substr(0, old.rfind(':') + 1) + std::to_string(port));
  socket_node_ = MakeListenSocketNode(state_->args(), state_->label());
  return announcement_->SetPort(port);
}

const std::string& Listener::label() const { return state_->label(); }

void Listener::Start(grpc_core::Server* /*server*/, const std::vector<grpc_pollset*>* pollsets) {
  state_->Start(pollsets);
}

grpc_core::channelz::ListenSocketNode* Listener::channelz_listen_socket_node() const {
  return socket_node_.get();
}

void Listener::SetOnDestroyDone(grpc_closure* on_destroy_done) {
  state_->SetOnDestroyDone(on_destroy_done);
}

void Listener::Orphan() {
  announcement_.reset();  // waits for the handlers
  state_->Stop();
  delete this;
}

}  // namespace samehost::grpc_transport
