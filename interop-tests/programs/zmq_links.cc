#include "interop-tests/programs/zmq_links.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "plugin/base/unique_fd.h"
#include "plugin/cli/proc.h"
#include "plugin/shm/segment.h"

namespace samehost::interop {
namespace {

bool ReadPages(const void* mapping, uint64_t offset, void* buffer, size_t bytes) {
  const auto* pages = static_cast<const Mapping*>(mapping);
  if (offset > pages->size() || bytes > pages->size() - offset) return false;
  std::memcpy(buffer, pages->data() + offset, bytes);
  return true;
}

}  // namespace

void OwnLink::Refresh() {
  auto link = cli::ReadLink(ReadPages, &pages);
  if (link) side = std::move(link->side[static_cast<size_t>(which)]);
}

std::map<cli::LinkId, OwnLink> OwnLinks(Side side) {
  std::map<cli::LinkId, OwnLink> links;
  bool readable = false;
  for (const cli::Descriptor& one : cli::ListDescriptors(getpid(), &readable)) {
    if (cli::MemfdName(one.target) != shm::kLinkMemoryName) continue;
    // A descriptor of its own: another thread may close that one at any time.
    const std::string path = "/proc/self/fd/" + std::to_string(one.number);
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status;
    if (!fd.valid() || fstat(fd.get(), &status) != 0) continue;
    auto pages = Mapping::Shared(fd.get(), 0, static_cast<size_t>(status.st_size),
                                 {.access = Mapping::Access::kRead});
    if (!pages) continue;
    OwnLink link = {std::move(*pages), side};
    link.Refresh();
    links[{status.st_dev, status.st_ino}] = std::move(link);
  }
  return links;
}

std::string PeerName(const cli::ObservedSide& own) {
  return "samehost:uid=" + std::to_string(own.peer_uid) + ",pid=" + std::to_string(own.peer_pid);
}

}  // namespace samehost::interop
