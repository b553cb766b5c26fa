// Place: where the two ends of a mechanism meet, and how an end is opened.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_PLACE_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_PLACE_H_

#include <memory>
#include <string>

#include "plugin/bench/menu/channel.h"
#include "plugin/bench/menu/peer.h"

namespace samehost::bench::menu {

enum class Role { kServer, kClient };

struct Place {
  Role role;
  std::string directory;  // of these two ends alone; removed after them
  std::string token;      // unique on this machine, for names outside of the file system
  Peer& peer;             // outlives the channel

  bool server() const { return role == Role::kServer; }
};

// Both ends are opened at the same time, each in its own process or thread. Throws BenchFailure.
using Opener = std::unique_ptr<Channel> (*)(const Place& place);

// The opener of that mechanism, null when this program has none. Every program that is started as a
// worker defines it (programs/).
Opener FindOpener(const std::string& mechanism);

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_PLACE_H_
