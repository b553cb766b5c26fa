// ObservedLink: one link between two processes, as its shared memory and /proc show it from
// outside. Values only; whatever the two processes wrote is taken for what it is, their word.
#ifndef SAMEHOST_PLUGIN_CLI_OBSERVED_LINK_H_
#define SAMEHOST_PLUGIN_CLI_OBSERVED_LINK_H_

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "plugin/base/result.h"
#include "plugin/shm/layout.h"
#include "plugin/shm/link.h"

namespace samehost::cli {

// One side of a link.
struct ObservedSide {
  bool started = false;    // it has written its counters page
  pid_t pid = 0;           // as this command sees it; 0: not to be seen
  uint32_t inner_pid = 0;  // as it sees itself
  uint32_t uid = ~0u;      // ~0: not known
  std::string name;        // of the process; "": not to be seen
  char state = '?';        // letter of /proc/PID/stat
  std::string protocol;
  std::string address;  // as this side calls the connection
  uint64_t started_unix_nanos = 0;
  shm::CounterValues counters;
  // The ring that this side sends into.
  uint64_t ring_bytes = 0;
  uint64_t ring_used = 0;
  uint64_t peer_block_bytes = 0;
};

struct LinkId {
  uint64_t device = 0;
  uint64_t inode = 0;
  bool operator<(const LinkId& other) const {
    return device != other.device ? device < other.device : inode < other.inode;
  }
};

struct ObservedLink {
  LinkId id;
  // [0] connected to the other ("client"), [1] accepted ("server").
  std::array<ObservedSide, 2> side;
  uint64_t memory_bytes = 0;  // shared memory that the link takes now

  const ObservedSide& client() const { return side[0]; }
  const ObservedSide& server() const { return side[1]; }
  std::string protocol() const;
  // The client's word for the address, for the server's may be a wildcard.
  std::string address() const;
  uint64_t started_unix_nanos() const;
};

// What a memory that is called like a link's says. `read(offset, buffer, bytes)` answers whether it
// could. Errors: kProtocol, kVersion (not one of ours).
using ReadAt = bool (*)(const void* context, uint64_t offset, void* buffer, size_t bytes);
Result<ObservedLink> ReadLink(ReadAt read, const void* context);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_OBSERVED_LINK_H_
