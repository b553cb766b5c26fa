// Announced: what an announcement and the rendezvous thread share. The thread keeps it alive while
// it polls its listener or runs one of its handshakes, so that a descriptor is never closed under a
// poll(); everything in it is set before Service::Add, except where noted.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_ANNOUNCED_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_ANNOUNCED_H_

#include <atomic>

#include "plugin/base/unique_fd.h"
#include "plugin/rendezvous/endpoint_name.h"
#include "plugin/rendezvous/entry.h"
#include "plugin/rendezvous/listener_check.h"
#include "plugin/rendezvous/rendezvous.h"

namespace samehost::rendezvous {

struct Announced {
  Endpoint endpoint;
  Options options;
  std::string address;     // for people, and for what is switched off
  FileId netns;            // of the thread that announced
  UniqueFd socket_folder;  // kUnixPath: O_PATH of the folder that the socket file is or will be in
  Entry entry;

  // Used by the rendezvous thread while Service::Enter() holds the announcement; emptied by
  // Service::Remove() after that.
  AcceptHandler handler;
  ListenerCache listener;  // rendezvous thread only

  // Set by Service::Remove(). Relaxed everywhere: the mutex of the service orders it against other
  // threads; the atomic serves a handler that destroys its own announcement.
  std::atomic<bool> closed{false};
};

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_ANNOUNCED_H_
