// The polling engine: gRPC's own epoll1 with a look at the shared-memory rings before every sleep.
//
// Registered under the name "epoll1" (gRPC's fork handlers go by that name) by a static
// initialiser, so before the first grpc_init. Everything but waiting is passed on unchanged.
#ifndef SAMEHOST_PLUGIN_GRPC_POLLING_H_
#define SAMEHOST_PLUGIN_GRPC_POLLING_H_

#include "plugin/grpc/include/samehost/grpc.h"

namespace samehost::grpc_transport {

// Whether this process's gRPC polls through our engine. False with another GRPC_POLL_STRATEGY, or
// when gRPC was initialised before this library was loaded. Valid after grpc_init; any thread.
bool PollingInstalled();

// A doorbell has woken this thread: the peer may have waited on the very processor that it now
// keeps busy. From the doorbell's closure.
void NoteWokenByDoorbell();
// Lets such a peer have it, once. After an answer was sent; the caller holds no locks.
void YieldToPeer();

// For the whole process; any thread.
void SetWaitStrategy(WaitStrategy strategy);

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_POLLING_H_
