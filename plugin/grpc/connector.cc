#include "plugin/grpc/connector.h"

#include <grpc/grpc.h>

#include <algorithm>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>

#include "plugin/grpc/auth_context.h"
#include "plugin/grpc/channel_args_objects.h"
#include "plugin/grpc/channel_socket.h"
#include "plugin/grpc/replaced_connector.h"
#include "plugin/grpc/runtime_check.h"
#include "plugin/grpc/security_profile.h"
#include "plugin/grpc/socket_address.h"
#include "plugin/grpc/transport.h"
#include "plugin/rendezvous/decision_log.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/security/security_connector/security_connector.h"
#include "src/core/lib/transport/http_connect_handshaker.h"
#include "src/core/lib/transport/transport_impl.h"

namespace samehost::grpc_transport {
namespace {

// What can be said against shared memory without asking the server.
Fallback Unsuitable(const Settings& settings, const rendezvous::Address& address,
                    const grpc_core::ChannelArgs& args) {
  if (!settings.options.enabled) {
    return Fallback{FallbackReason::kSwitchedOff, "Options::enabled is false"};
  }
  Fallback runtime = CheckRuntime();
  if (runtime.reason != FallbackReason::kNone) return runtime;
  if (address.storage.ss_family == AF_UNSPEC) {
    return Fallback{FallbackReason::kNotLocalAddress, "not an IP or unix address"};
  }
  if (args.Contains(GRPC_ARG_HTTP_CONNECT_SERVER)) {
    // The address is the proxy's: whoever serves it is not the server that is meant.
    return Fallback{FallbackReason::kNotLocalAddress, "the connection goes through an HTTP proxy"};
  }
  return CheckOwn(settings.profile, ClassOf(address));
}

std::chrono::milliseconds RendezvousTime(grpc_core::Timestamp deadline) {
  const int64_t left = (deadline - grpc_core::Timestamp::Now()).millis();
  return std::clamp(std::chrono::milliseconds(left / 2), std::chrono::milliseconds(0),
                    Connector::kRendezvousTimeout);
}

grpc_core::ChannelArgs ArgsOfLink(const grpc_core::ChannelArgs& args, const Settings& settings,
                                  const rendezvous::PeerIdentity& peer) {
  grpc_core::ChannelArgs with_context = With(args, MakeAuthContext(settings.profile, peer));
  auto* connector = static_cast<grpc_channel_security_connector*>(
      with_context.GetObject<grpc_security_connector>());
  if (!settings.profile.secure() || connector == nullptr) return with_context;
  const std::string target = with_context.GetOwnedString(GRPC_ARG_DEFAULT_AUTHORITY).value_or("");
  return With(with_context, MakeReplacedConnector(connector, target));
}

// Whether the reason was that nobody was there: somebody may be by now.
bool MayHaveComeSince(FallbackReason reason) {
  return reason == FallbackReason::kServerNotFound || reason == FallbackReason::kStaleEntry ||
         reason == FallbackReason::kNotLocalAddress ||
         reason == FallbackReason::kNoRendezvousDirectory ||
         reason == FallbackReason::kServerShuttingDown ||
         reason == FallbackReason::kHandshakeFailed;
}

void DestroyTransport(Connector::Result* result) {
  grpc_transport_destroy(result->transport);
  result->Reset();
}

}  // namespace

Connector::~Connector() = default;

void Connector::Connect(const Args& args, Result* result, grpc_closure* notify) {
  Attempt attempt;
  attempt.address = ToRendezvous(*args.address);
  attempt.label = rendezvous::ToString(attempt.address);
  attempt.settings = args.channel_args.GetObjectRef<Settings>();
  attempt.args = args.channel_args;
  attempt.timeout = RendezvousTime(args.deadline);
  {
    std::lock_guard lock(mutex_);
    args_ = args;
    result_ = result;
    notify_ = notify;
  }
  if (attempt.settings == nullptr) return UseSocket();  // arguments made by someone else
  attempt.request = Encode({attempt.settings->profile, ClassOf(attempt.address)});
  const Fallback fallback = Unsuitable(*attempt.settings, attempt.address, attempt.args);
  if (fallback.reason != FallbackReason::kNone) {
    return TrySocket(std::move(attempt), fallback, /*look_again=*/false);
  }
  StartRendezvous(std::move(attempt));
}

void Connector::StartRendezvous(Attempt attempt) {
  const std::string label = attempt.label;
  const bool has_socket = attempt.has_socket;
  grpc_init();  // for the thread, which may outlive the channel
  auto run = [self = Ref(), this, attempt = std::move(attempt)]() mutable {
    // SUBTLE: no ExecCtx while it blocks, or a fork() meanwhile would go without gRPC's handlers.
    Outcome outcome = rendezvous::Connect(attempt.address, attempt.settings->ForRendezvous(),
                                          attempt.request, attempt.timeout);
    {
      grpc_core::ApplicationCallbackExecCtx callback_exec_ctx;
      grpc_core::ExecCtx exec_ctx;
      // By value: what it holds may end channel arguments, which need the ExecCtx.
      Decide(std::exchange(attempt, {}), std::move(outcome));
      self.reset();
    }
    grpc_shutdown();
  };
  try {
    std::thread(std::move(run)).detach();
  } catch (const std::system_error& e) {
    grpc_shutdown();
    Fallback fallback{FallbackReason::kSystemError, std::string("start a thread: ") + e.what()};
    Attempt without;
    without.label = label;
    without.has_socket = has_socket;
    FallBack(std::move(without), std::move(fallback), /*look_again=*/false);
  }
}

void Connector::Decide(Attempt attempt, Outcome outcome) {
  Fallback fallback;
  if (auto* connected = std::get_if<rendezvous::Connected>(&outcome)) {
    fallback = CheckReply(attempt.settings->profile, ClassOf(attempt.address), connected->message);
    if (fallback.reason == FallbackReason::kNone) {
      return UseLink(attempt, std::move(*connected));
    }
  } else {
    fallback = std::get<Fallback>(std::move(outcome));
  }
  const bool look_again = !attempt.has_socket && MayHaveComeSince(fallback.reason);
  FallBack(std::move(attempt), std::move(fallback), look_again);
}

void Connector::FallBack(Attempt attempt, Fallback fallback, bool look_again) {
  if (!attempt.has_socket) return TrySocket(std::move(attempt), std::move(fallback), look_again);
  rendezvous::DecisionLog::Get().RecordFallback(attempt.label, fallback);
  KeepSocket();
}

void Connector::UseLink(const Attempt& attempt, rendezvous::Connected connected) {
  Result* result = nullptr;
  grpc_closure* notify = nullptr;
  {
    std::lock_guard lock(mutex_);
    notify = std::exchange(notify_, nullptr);
    result = std::exchange(result_, nullptr);
  }
  if (notify == nullptr) return;  // shut down meanwhile; the link ends here
  if (result->transport != nullptr) DestroyTransport(result);  // the socket's, not needed now
  const rendezvous::PeerIdentity peer = connected.peer;
  result->channel_args = ArgsOfLink(attempt.args, *attempt.settings, peer);
  result->socket_node = MakeSocketNode(attempt.args, attempt.label, peer);
  TransportOptions options;
  options.is_client = true;
  options.peer_string = PeerString(peer);
  options.address = attempt.label;
  options.directory = attempt.settings->options.directory;
  options.socket_node = result->socket_node;
  result->transport =
      CreateTransport(result->channel_args, std::move(connected), std::move(options));
  StartTransport(result->transport, /*on_close=*/nullptr);
  rendezvous::DecisionLog::Get().RecordShared(attempt.label);
  HandOver(result, notify);
}

void Connector::HandOver(Result* result, grpc_closure* notify) {
  grpc_error_handle error;
  uint64_t offer = 0;
  {
    std::lock_guard lock(mutex_);
    offer = ++offers_;
    if (shutdown_) {
      error = absl::UnavailableError("samehost: connector shut down");
      DestroyTransport(result);
    } else {
      offered_ = result;
    }
  }
  // Inline, so that the subchannel has taken the transport when this returns.
  grpc_core::Closure::Run(DEBUG_LOCATION, notify, error);
  std::lock_guard lock(mutex_);
  if (offers_ == offer) offered_ = nullptr;  // the subchannel may have connected again by now
}

void Connector::UseSocket() {
  std::lock_guard lock(mutex_);
  if (notify_ == nullptr) return;  // shut down meanwhile
  if (stock_ == nullptr) stock_ = grpc_core::MakeOrphanable<grpc_core::Chttp2Connector>();
  // SUBTLE: under the lock, so that a Shutdown comes before (no stock connector yet, notify_ gone)
  // or after (it reaches the stock connector). The stock connector never calls back inline.
  stock_->Connect(args_, std::exchange(result_, nullptr), std::exchange(notify_, nullptr));
}

void Connector::TrySocket(Attempt attempt, Fallback fallback, bool look_again) {
  if (!look_again) rendezvous::DecisionLog::Get().Record(attempt.label, fallback);
  std::lock_guard lock(mutex_);
  if (notify_ == nullptr) return;  // shut down meanwhile
  if (stock_ == nullptr) stock_ = grpc_core::MakeOrphanable<grpc_core::Chttp2Connector>();
  attempt.has_socket = true;
  pending_ = {std::move(attempt), std::move(fallback), look_again, std::exchange(result_, nullptr),
              std::exchange(notify_, nullptr)};
  // SUBTLE: under the lock, as in UseSocket. The reference is OnSocket's.
  GRPC_CLOSURE_INIT(&on_socket_, OnSocket, Ref().release(), nullptr);
  stock_->Connect(args_, pending_.result, &on_socket_);
}

void Connector::OnSocket(void* self, grpc_error_handle error) {
  grpc_core::RefCountedPtr<Connector>(static_cast<Connector*>(self))->SocketDone(std::move(error));
}

void Connector::SocketDone(grpc_error_handle error) {
  Pending pending;
  bool shut_down = false;
  {
    std::lock_guard lock(mutex_);
    pending = std::exchange(pending_, {});
    shut_down = shutdown_;
    if (error.ok() && shut_down) {
      DestroyTransport(pending.result);
      error = absl::UnavailableError("samehost: connector shut down");
    }
    if (error.ok()) {
      result_ = pending.result;  // with the transport, for Shutdown to find
      notify_ = pending.notify;
    }
  }
  rendezvous::DecisionLog& log = rendezvous::DecisionLog::Get();
  if (error.ok() && pending.look_again) return StartRendezvous(std::move(pending.attempt));
  if (error.ok()) {
    log.LogFallback(pending.attempt.label, pending.fallback);
    return KeepSocket();
  }
  if (pending.look_again) log.Record(pending.attempt.label, pending.fallback);
  if (!shut_down) log.LogUnreached(pending.attempt.label, pending.fallback);
  grpc_core::Closure::Run(DEBUG_LOCATION, pending.notify, error);
}

void Connector::KeepSocket() {
  Result* result = nullptr;
  grpc_closure* notify = nullptr;
  {
    std::lock_guard lock(mutex_);
    notify = std::exchange(notify_, nullptr);
    result = std::exchange(result_, nullptr);
  }
  if (notify != nullptr) HandOver(result, notify);
}

void Connector::Shutdown(grpc_error_handle error) {
  std::lock_guard lock(mutex_);
  shutdown_ = true;
  if (stock_ != nullptr) stock_->Shutdown(error);
  // SUBTLE: a subchannel that has ended ignores the result that it is being notified of, and nobody
  // else would destroy the transport. It calls this with its lock held, so either it has taken the
  // transport by now, or it never will.
  if (offered_ != nullptr && offered_->transport != nullptr) DestroyTransport(offered_);
  if (notify_ == nullptr) return;
  Result* result = std::exchange(result_, nullptr);
  if (result->transport != nullptr) DestroyTransport(result);  // the socket's, at the second look
  result->Reset();
  grpc_core::ExecCtx::Run(DEBUG_LOCATION, std::exchange(notify_, nullptr), error);
}

}  // namespace samehost::grpc_transport
