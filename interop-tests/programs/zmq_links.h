// OwnLinks: this process's ends of links, by the pages that `samehost status` reads. libzmq's API
// says nothing of what carries a connection.
#ifndef SAMEHOST_INTEROP_TESTS_PROGRAMS_ZMQ_LINKS_H_
#define SAMEHOST_INTEROP_TESTS_PROGRAMS_ZMQ_LINKS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plugin/base/mapping.h"
#include "plugin/cli/observed_link.h"

namespace samehost::interop {

enum class Side { kClient = 0, kServer = 1 };

// One of them. Its pages stay mapped, and go on telling what was counted when the link has gone.
struct OwnLink {
  Mapping pages;
  Side which = Side::kClient;
  cli::ObservedSide side = {};  // as of the last Refresh()

  void Refresh();
};

// Those that are open now.
std::map<cli::LinkId, OwnLink> OwnLinks(Side side);

// What the peer of this link is, as gRPC's context->peer() calls it.
std::string PeerName(const cli::ObservedSide& own);

}  // namespace samehost::interop

#endif  // SAMEHOST_INTEROP_TESTS_PROGRAMS_ZMQ_LINKS_H_
