// Listener: the accepting side's rendezvous entry. One for the whole process, while there are
// connections that may use it; each of them is known by a random token, told over the connection
// itself, so that the link that arrives under it is the peer's and nobody else's.
//
// Owner: the transports, through shared_ptr. Any thread.
#ifndef SAMEHOST_PLUGIN_ZMQ_LISTENER_H_
#define SAMEHOST_PLUGIN_ZMQ_LISTENER_H_

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "plugin/rendezvous/rendezvous.h"
#include "plugin/zmq/ticket.h"

namespace samehost::zmq_transport {

class Listener {
 public:
  // The process's own, made where there is none. Errors: as rendezvous::Announce.
  static Result<std::shared_ptr<Listener>> Get();

  // What clients look for in the rendezvous directory.
  const std::string& name() const { return name_; }
  // The link that arrives under the token that is returned goes into `ticket`.
  std::string Expect(std::shared_ptr<Ticket> ticket);
  void Forget(const std::string& token);

 private:
  Listener() = default;
  rendezvous::Verdict Judge(const std::string& token);
  void Accept(rendezvous::Connected connected);

  std::string name_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Ticket>> expected_;  // under mutex_
  std::unique_ptr<rendezvous::Announcement> announcement_;   // the first to be destroyed
};

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_LISTENER_H_
