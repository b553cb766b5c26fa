// Registry: what a name means, as in shm://orders: a stream socket "zmq-orders" in this user's
// folder of the rendezvous directory. On it runs what runs on ipc: the ZMTP handshake, and then the
// link.
//
// Names: 1 to 64 letters, digits, '.', '_' and '-'. They belong to the user: another user's
// shm://orders is another one. shm://* makes one up. A name is taken while somebody listens there
// (EADDRINUSE); what a dead process has left behind is taken over.
//
// Any thread. Errors as of libzmq: -1 and errno. Called by libzmq's own sources.
#ifndef SAMEHOST_PLUGIN_ZMQ_REGISTRY_H_
#define SAMEHOST_PLUGIN_ZMQ_REGISTRY_H_

#include <sys/socket.h>

#include <string>

namespace zmq {
class ipc_address_t;
}

namespace samehost::zmq_transport {

// For the time of a bind(): turns shm://name into the socket file that it stands for, and keeps
// others from taking the name meanwhile. Leaves other protocols alone. EINVAL: no such name.
// EADDRINUSE: somebody listens there. EACCES and others: there is no folder.
class ShmBinding {
 public:
  ShmBinding() = default;
  ~ShmBinding();
  ShmBinding(const ShmBinding&) = delete;
  ShmBinding& operator=(const ShmBinding&) = delete;
  int Resolve(std::string* protocol, std::string* address);

 private:
  int lock_ = -1;
};

// The same for a connect(): the server need not be there yet.
int ResolveShm(std::string* protocol, std::string* address);
// Before a connection attempt: the server may have appeared in another base directory.
void RefreshShm(zmq::ipc_address_t* address);
// "shm://orders" for an address that one of the above has made, else "".
std::string ShmUri(const sockaddr* address, socklen_t length);
// The listener on this socket file is about to close.
void RemoveShm(const std::string& path);

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_REGISTRY_H_
