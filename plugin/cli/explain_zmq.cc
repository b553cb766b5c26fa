#include "plugin/cli/explain_zmq.h"

#include <sys/socket.h>

#include <string_view>

#include "plugin/base/setting.h"
#include "plugin/rendezvous/directory.h"
#include "plugin/rendezvous/switches.h"

namespace samehost::cli {
namespace {

// As of plugin/zmq: ipc unless told otherwise; `samehost run` tells it ipc and tcp.
bool TransportIsOn(const rendezvous::Address& address) {
  const char* list = GetSetting("SAMEHOST_ZMQ");
  if (list == nullptr) return true;
  const std::string wanted = address.storage.ss_family == AF_UNIX ? "ipc" : "tcp";
  return ("," + std::string(list) + ",").find("," + wanted + ",") != std::string::npos;
}

}  // namespace

Fallback DecideZmq(const rendezvous::Address& address, bool is_shm, const ListenerProcess& listener,
                   const std::string& directory, const rendezvous::Trace& trace) {
  const auto no = [&](const char* what, Fallback fallback) {
    trace({false, what, fallback.detail});
    return fallback;
  };
  if (const auto setting = rendezvous::SwitchedOff(address, directory)) {
    return no("switches", {FallbackReason::kSwitchedOff, *setting});
  }
  if (!is_shm && !TransportIsOn(address)) {
    return no("switches", {FallbackReason::kSwitchedOff, DescribeSetting("SAMEHOST_ZMQ")});
  }
  trace({true, "switches",
         "SAMEHOST, SAMEHOST_EXCLUDE, SAMEHOST_ZMQ and samehost off leave it alone"});
  const auto folder = rendezvous::OpenOwnFolder(directory);
  if (!folder) return no("rendezvous directory", rendezvous::ToFallback(folder.error()));
  trace({true, "rendezvous directory", (*folder)->path});
  if (!listener.known) {
    return no("the server", {FallbackReason::kNotLocalAddress, "it is not to be seen from here"});
  }
  if (listener.process && !listener.has_samehost_zmq) {
    return no("the server's libzmq", {FallbackReason::kServerNotFound, "it is not samehost's"});
  }
  trace({true, "the server's libzmq",
         listener.process ? "samehost's" : "cannot be looked at: another user's process"});
  trace({true, "in the connection itself",
         "the two settle on it, if both are sockets of a kind that can and use the NULL or PLAIN "
         "mechanism; samehost status shows what came of it"});
  return {};
}

}  // namespace samehost::cli
