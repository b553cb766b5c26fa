// Connector: the connecting side's rendezvous, on a thread of its own, because it may take up to a
// second and an I/O thread serves other connections meanwhile.
//
// Owner: the process; the thread runs only while there is something to do. Any thread. Fork: what
// was asked for before belongs to the parent.
#ifndef SAMEHOST_PLUGIN_ZMQ_CONNECTOR_H_
#define SAMEHOST_PLUGIN_ZMQ_CONNECTOR_H_

#include <memory>
#include <string>

#include "plugin/zmq/ticket.h"

namespace samehost::zmq_transport {

// Makes a link with the server that announced itself as `name`, for the connection that it calls
// `token`, and puts the outcome into `ticket`.
void ConnectInBackground(const std::string& name, const std::string& token,
                         std::shared_ptr<Ticket> ticket);

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_CONNECTOR_H_
