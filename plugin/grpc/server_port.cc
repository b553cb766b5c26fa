#include "plugin/grpc/server_port.h"

#include <grpc/support/log.h>
#include <netinet/in.h>

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "plugin/grpc/channel_args_objects.h"
#include "plugin/grpc/listener.h"
#include "plugin/grpc/runtime_check.h"
#include "plugin/grpc/socket_address.h"
#include "plugin/rendezvous/decision_log.h"
#include "src/core/ext/transport/chttp2/server/chttp2_server.h"
#include "src/core/lib/address_utils/sockaddr_utils.h"
#include "src/core/lib/gprpp/status_helper.h"
#include "src/core/lib/iomgr/exec_ctx.h"
#include "src/core/lib/iomgr/unix_sockets_posix.h"
#include "src/core/lib/security/credentials/credentials.h"
#include "src/core/lib/security/security_connector/security_connector.h"
#include "src/core/lib/surface/server.h"

namespace samehost::grpc_transport {
namespace {

// Why this port is the stock port and nothing else; kNone when there is no such reason.
Fallback Unsuitable(grpc_core::Server* server, const std::string& text, const Settings& settings) {
  if (!settings.options.enabled) {
    return Fallback{FallbackReason::kSwitchedOff, "Options::enabled is false"};
  }
  if (server->config_fetcher() != nullptr) {
    return Fallback{FallbackReason::kSwitchedOff, "the server is configured by xDS"};
  }
  if (absl::StartsWith(text, "external:")) {
    return Fallback{FallbackReason::kSwitchedOff, "the connections are accepted elsewhere"};
  }
  return CheckRuntime();
}

// The stock server takes either wildcard for both families (tcp_server_posix.cc).
rendezvous::Address AnnouncedAddress(const grpc_resolved_address& address) {
  int port = 0;
  if (grpc_sockaddr_is_wildcard(&address, &port) == 0) return ToRendezvous(address);
  rendezvous::Address any;
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&any.storage);
  v6->sin6_family = AF_INET6;
  v6->sin6_addr = in6addr_any;
  v6->sin6_port = htons(static_cast<uint16_t>(port));
  any.length = sizeof(sockaddr_in6);
  return any;
}

// One port of one server while it is being added.
class PortAdder {
 public:
  PortAdder(grpc_core::Server* server, std::string text, grpc_core::ChannelArgs args,
            grpc_core::RefCountedPtr<Settings> settings)
      : server_(server),
        text_(std::move(text)),
        args_(std::move(args)),
        settings_(std::move(settings)) {}

  // As Chttp2ServerAddPort: every address, the first port taken for all of them; some may fail.
  int Add(const std::vector<grpc_resolved_address>& addresses) {
    for (grpc_resolved_address address : addresses) {
      if (port_ != 0 && grpc_sockaddr_get_port(&address) == 0) {
        grpc_sockaddr_set_port(&address, port_);
      }
      AddOne(address);
    }
    if (failed_ == addresses.size()) {
      gpr_log(GPR_ERROR, "No address added out of total %zu resolved for '%s': %s",
              addresses.size(), text_.c_str(), grpc_core::StatusToString(error_).c_str());
      return 0;
    }
    if (failed_ > 0) {
      gpr_log(GPR_INFO, "WARNING: Only %zu addresses added out of total %zu resolved: %s",
              addresses.size() - failed_, addresses.size(),
              grpc_core::StatusToString(error_).c_str());
    }
    return port_;
  }

 private:
  void AddOne(const grpc_resolved_address& address) {
    const rendezvous::Address announced = AnnouncedAddress(address);
    Result<grpc_core::OrphanablePtr<Listener>> listener =
        Listener::Announce(announced, server_, args_, settings_);
    const int port = AddStock(address);
    if (port == 0) {
      ++failed_;  // the listener ends here, and with it the entry
      return;
    }
    if (port_ == 0) port_ = port;
    if (!listener.ok()) {
      const Fallback why = rendezvous::ToFallback(listener.error());
      grpc_resolved_address bound = address;
      if (grpc_is_unix_socket(&address) == 0) grpc_sockaddr_set_port(&bound, port);
      return rendezvous::DecisionLog::Get().RecordFallback(
          rendezvous::ToString(AnnouncedAddress(bound)), why,
          rendezvous::DecisionLog::Side::kListening);
    }
    Finish(address, *std::move(listener), port);
  }

  void Finish(const grpc_resolved_address& address, grpc_core::OrphanablePtr<Listener> listener,
              int port) {
    const bool ip = grpc_is_unix_socket(&address) == 0;
    if (ip && grpc_sockaddr_get_port(&address) == 0) {
      const Status set = listener->SetPort(static_cast<uint16_t>(port));
      if (!set.ok()) {
        return rendezvous::DecisionLog::Get().RecordFallback(
            listener->label(), rendezvous::ToFallback(set.error()),
            rendezvous::DecisionLog::Side::kListening);
      }
    }
    rendezvous::DecisionLog::Get().RecordShared(listener->label(),
                                                rendezvous::DecisionLog::Side::kListening);
    server_->AddListener(std::move(listener));
  }

  // The stock port of exactly this address: which ones could be bound must be known, or the
  // rendezvous would offer an address that somebody else serves. 0 on failure.
  int AddStock(const grpc_resolved_address& address) {
    absl::StatusOr<std::string> text = grpc_is_unix_socket(&address) != 0
                                           ? absl::StatusOr<std::string>(text_)
                                           : ListeningText(address);
    int port = 0;
    grpc_error_handle error = text.status();
    if (text.ok()) {
      error = grpc_core::Chttp2ServerAddPort(
          server_, text->c_str(), args_,
          [](const grpc_core::ChannelArgs& args, grpc_error_handle*) { return args; }, &port);
    }
    if (!error.ok()) {
      error_ = error;
      return 0;
    }
    return port;
  }

  grpc_core::Server* const server_;
  const std::string text_;
  const grpc_core::ChannelArgs args_;
  const grpc_core::RefCountedPtr<Settings> settings_;
  int port_ = 0;
  size_t failed_ = 0;
  grpc_error_handle error_;
};

}  // namespace

int AddPort(grpc_server* server, const std::string& text, grpc_server_credentials* credentials,
            grpc_core::RefCountedPtr<Settings> settings) {
  grpc_core::ExecCtx exec_ctx;
  grpc_core::Server* core = grpc_core::Server::FromC(server);
  const Fallback unsuitable = Unsuitable(core, text, *settings);
  if (unsuitable.reason != FallbackReason::kNone) {
    rendezvous::DecisionLog::Get().RecordFallback(text, unsuitable,
                                                  rendezvous::DecisionLog::Side::kListening);
    return grpc_server_add_http2_port(server, text.c_str(), credentials);
  }
  const auto addresses = ResolveListening(text);
  auto connector = credentials->create_security_connector(grpc_core::ChannelArgs());
  if (!addresses.ok() || connector == nullptr) {
    // Fails again, and says why in its own words.
    return grpc_server_add_http2_port(server, text.c_str(), credentials);
  }
  grpc_core::ChannelArgs args = With(With(core->channel_args(), credentials), connector);
  return PortAdder(core, text, std::move(args), std::move(settings)).Add(*addresses);
}

}  // namespace samehost::grpc_transport
