// What can be said about a ZeroMQ address without a socket of ZeroMQ's: two peers settle on shared
// memory inside their connection, by what both are and want (docs/cli.md), so the address alone
// decides nothing.
#ifndef SAMEHOST_PLUGIN_CLI_EXPLAIN_ZMQ_H_
#define SAMEHOST_PLUGIN_CLI_EXPLAIN_ZMQ_H_

#include <vector>

#include "plugin/cli/listener_process.h"
#include "plugin/rendezvous/fallback_reason.h"
#include "plugin/rendezvous/rendezvous.h"

namespace samehost::cli {

// The steps go to `trace`; kNone when nothing that shows from outside is against shared memory.
// `is_shm`: the address is a shm:// name, for which SAMEHOST_ZMQ says nothing.
Fallback DecideZmq(const rendezvous::Address& address, bool is_shm, const ListenerProcess& listener,
                   const std::string& directory, const rendezvous::Trace& trace);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_EXPLAIN_ZMQ_H_
