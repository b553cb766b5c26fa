// Whether the stock address that a client asks for leads to this very process. An announcement
// alone proves nothing: it is there before the port is bound, the port may turn out to be taken,
// another process may listen on a more specific address, a socket file may have been replaced. So
// the kernel is asked who would get the connection, and this process's descriptors are looked
// through.
//
// Called on the rendezvous thread, for each client. No state but the cache in ListenerCache.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_LISTENER_CHECK_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_LISTENER_CHECK_H_

#include <string>
#include <vector>

#include "plugin/rendezvous/endpoint_name.h"

namespace samehost::rendezvous {

enum class Listening {
  kOurs,    // a connection to the target would come to this process
  kNotYet,  // this process does not listen there, perhaps a little later
  kOthers,  // it does, but the connection would go to somebody else
};

// The descriptor that was the right one last time. It is looked at first, and trusted only if it
// still passes the whole check.
struct ListenerCache {
  int fd = -1;
};

// Errors: kUnsupported (the kernel cannot tell), kSystem (descriptors are short).
Result<Listening> CheckTcpListener(const IpEndpoint& target, ListenerCache* cache);
// `folder`: O_PATH descriptor of the socket file's folder. `file`: the file as the client sees it.
Result<Listening> CheckUnixListener(int folder, const std::string& name, const FileId& file,
                                    ListenerCache* cache);
Result<Listening> CheckAbstractListener(const std::string& name, ListenerCache* cache);

// Whether this process has accepted TCP connections with exactly these remote ends, on `local`.
// `connections` must not be empty.
bool HasConnections(const IpEndpoint& local, const std::vector<IpEndpoint>& connections);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_LISTENER_CHECK_H_
