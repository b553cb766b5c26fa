// OwnLinks: this process's ends of links, by the pages that `samehost status` reads. libzmq's API
// says nothing of what carries a connection.
#ifndef SAMEHOST_INTEROP_TESTS_PROGRAMS_ZMQ_LINKS_H_
#define SAMEHOST_INTEROP_TESTS_PROGRAMS_ZMQ_LINKS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "plugin/cli/observed_link.h"

namespace samehost::interop {

enum class Side { kClient = 0, kServer = 1 };

// Those that are open now.
std::map<cli::LinkId, cli::ObservedSide> OwnLinks(Side side);

// What the peer of this link is, as gRPC's context->peer() calls it.
std::string PeerName(const cli::ObservedSide& own);

}  // namespace samehost::interop

#endif  // SAMEHOST_INTEROP_TESTS_PROGRAMS_ZMQ_LINKS_H_
