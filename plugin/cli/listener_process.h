// Who listens on an address of this host.
#ifndef SAMEHOST_PLUGIN_CLI_LISTENER_PROCESS_H_
#define SAMEHOST_PLUGIN_CLI_LISTENER_PROCESS_H_

#include <optional>
#include <string>

#include "plugin/cli/proc.h"
#include "plugin/rendezvous/rendezvous.h"

namespace samehost::cli {

struct ListenerProcess {
  bool known = false;              // whether anybody listens could be found out
  bool listens = false;            // somebody does
  std::optional<Process> process;  // who, if this user may look there
  bool has_samehost = false;       // samehost's library is loaded into it
  bool has_samehost_zmq = false;   // samehost's libzmq
  bool under_run = false;          // it was started by `samehost run`
};

// For a TCP address of this network namespace or a unix socket.
ListenerProcess FindListenerProcess(const rendezvous::Address& address);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_LISTENER_PROCESS_H_
