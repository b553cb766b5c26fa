#include "plugin/zmq/settings.h"

#include <sys/socket.h>

#include <string_view>

#include "endpoint.hpp"
#include "options.hpp"
#include "plugin/base/cpu_limits.h"
#include "plugin/base/log.h"
#include "plugin/base/setting.h"
#include "plugin/rendezvous/access_variables.h"
#include "plugin/rendezvous/endpoint_name.h"
#include "plugin/rendezvous/kernel_query.h"
#include "plugin/rendezvous/switches.h"
#include "zmq.h"

namespace samehost::zmq_transport {
namespace {

constexpr uint64_t kMicrosecond = 1000;
constexpr uint64_t kBalancedNanos = 100 * kMicrosecond;
constexpr uint64_t kLatencyNanos = 2000 * kMicrosecond;

template <typename Visit>
void ForEachItem(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    visit(list.substr(0, comma));
    list = comma == std::string_view::npos ? "" : list.substr(comma + 1);
  }
}

void ReadTransports(Settings* settings) {
  const char* list = GetSetting("SAMEHOST_ZMQ");
  if (list == nullptr) return;
  settings->upgrade_ipc = settings->upgrade_tcp = false;
  ForEachItem(list, [&](std::string_view item) {
    if (item == "ipc") {
      settings->upgrade_ipc = true;
    } else if (item == "tcp") {
      settings->upgrade_tcp = true;
    } else if (item != "off" && item != "none" && !item.empty()) {
      Log(LogLevel::kWarning,
          "SAMEHOST_ZMQ has \"" + std::string(item) + "\"; it may have ipc and tcp, or be off");
    }
  });
}

void ReadWait(Settings* settings) {
  // With one processor a thread that looks keeps the very peer it waits for from running.
  if (ReadCpuLimits().effective < 1.5) return;
  const std::string wait = SettingOr("SAMEHOST_WAIT", "balanced");
  if (wait == "efficient") {
    settings->sleep_beside = true;
    return;
  }
  settings->max_look_nanos = wait == "latency" ? kLatencyNanos : kBalancedNanos;
  if (wait != "latency" && wait != "balanced" && !wait.empty()) {
    Log(LogLevel::kWarning, "SAMEHOST_WAIT is neither efficient, balanced nor latency");
  }
}

bool TypeCanShare(int type) {
  switch (type) {
    case ZMQ_PAIR:
    case ZMQ_PUB:
    case ZMQ_SUB:
    case ZMQ_REQ:
    case ZMQ_REP:
    case ZMQ_DEALER:
    case ZMQ_ROUTER:
    case ZMQ_PULL:
    case ZMQ_PUSH:
    case ZMQ_XPUB:
    case ZMQ_XSUB:
      return true;
    default:
      return false;  // STREAM has no ZMTP; draft types are not ours to know
  }
}

Fallback SwitchedOff(std::string detail) {
  return {FallbackReason::kSwitchedOff, std::move(detail)};
}

Fallback WhyNotTransport(int socket) {
  sockaddr_storage own = {};
  socklen_t length = sizeof(own);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&own), &length) != 0) {
    return {FallbackReason::kSystemError, "getsockname"};
  }
  const Settings& settings = Settings::Get();
  if (own.ss_family == AF_UNIX) {
    return settings.upgrade_ipc ? Fallback{} : SwitchedOff("SAMEHOST_ZMQ does not name ipc");
  }
  return settings.upgrade_tcp ? Fallback{} : SwitchedOff("SAMEHOST_ZMQ does not name tcp");
}

}  // namespace

const Settings& Settings::Get() {
  static const Settings settings = [] {
    Settings made;
    ReadTransports(&made);
    ReadWait(&made);
    made.access = rendezvous::AccessFromEnvironment();
    return made;
  }();
  return settings;
}

SocketEnds EndsOf(int socket) {
  SocketEnds ends;
  ends.local.length = ends.remote.length = sizeof(sockaddr_storage);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&ends.local.storage), &ends.local.length) !=
      0) {
    ends.local = {};
  }
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&ends.remote.storage), &ends.remote.length) !=
      0) {
    ends.remote = {};
  }
  return ends;
}

bool PeerIsElsewhere(int socket) {
  const rendezvous::Address remote = EndsOf(socket).remote;
  if (remote.storage.ss_family != AF_INET && remote.storage.ss_family != AF_INET6) return false;
  auto endpoint = rendezvous::ToEndpoint(remote);
  if (!endpoint) return false;
  const auto local = rendezvous::IsLocalAddress(rendezvous::AsTarget(*std::move(endpoint)).tcp);
  return local && !*local;
}

Fallback WhyNotShare(const zmq::options_t& options, int socket,
                     const zmq::endpoint_uri_pair_t& endpoints) {
  // Other transports over the same sockets (WebSocket) have framing of their own.
  const std::string_view uri = endpoints.identifier();
  if (!uri.starts_with("ipc://") && !uri.starts_with("tcp://") && !uri.starts_with("shm://")) {
    return SwitchedOff("only shm, ipc and tcp go through shared memory");
  }
  if (!TypeCanShare(options.type) || options.raw_socket) {
    return SwitchedOff("sockets of this type keep to the socket");
  }
  if (options.mechanism != ZMQ_NULL && options.mechanism != ZMQ_PLAIN) {
    return SwitchedOff("CURVE and GSSAPI must see the bytes");
  }
  if (options.conflate) return SwitchedOff("ZMQ_CONFLATE keeps to the socket");
  if (!options.socks_proxy_address.empty()) return SwitchedOff("a SOCKS proxy is in between");
  const SocketEnds ends = EndsOf(socket);
  for (const rendezvous::Address& end : {ends.local, ends.remote}) {
    if (auto why = rendezvous::SwitchedOff(end, RendezvousOptions().directory)) {
      return SwitchedOff(*std::move(why));
    }
  }
  return uri.starts_with("shm://") ? Fallback{} : WhyNotTransport(socket);
}

std::optional<std::string> SwitchedOffSince(int socket) {
  const rendezvous::SwitchFiles files = rendezvous::ReadSwitchFiles(RendezvousOptions().directory);
  if (files.off.empty() && files.excluded.empty()) return std::nullopt;
  const SocketEnds ends = EndsOf(socket);
  auto why = rendezvous::SwitchedOffByFile(files, rendezvous::ToString(ends.local));
  return why ? why : rendezvous::SwitchedOffByFile(files, rendezvous::ToString(ends.remote));
}

rendezvous::Options RendezvousOptions() {
  rendezvous::Options options;
  options.protocol = "zmq";
  options.access = Settings::Get().access;
  options.link.writable_blocks = true;  // receivers own their messages
  return options;
}

}  // namespace samehost::zmq_transport
