#include "interop-tests/programs/zmq_links.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/base/unique_fd.h"
#include "plugin/cli/proc.h"
#include "plugin/shm/segment.h"

namespace samehost::interop {
namespace {

bool ReadFile(const void* fd, uint64_t offset, void* buffer, size_t bytes) {
  return pread(*static_cast<const int*>(fd), buffer, bytes, static_cast<off_t>(offset)) ==
         static_cast<ssize_t>(bytes);
}

}  // namespace

std::map<cli::LinkId, cli::ObservedSide> OwnLinks(Side side) {
  std::map<cli::LinkId, cli::ObservedSide> links;
  bool readable = false;
  for (const cli::Descriptor& one : cli::ListDescriptors(getpid(), &readable)) {
    if (cli::MemfdName(one.target) != shm::kLinkMemoryName) continue;
    // A descriptor of its own: another thread may close that one at any time.
    const std::string path = "/proc/self/fd/" + std::to_string(one.number);
    const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status;
    if (!fd.valid() || fstat(fd.get(), &status) != 0) continue;
    const int raw = fd.get();
    const auto link = cli::ReadLink(ReadFile, &raw);
    if (link) links[{status.st_dev, status.st_ino}] = link->side[static_cast<size_t>(side)];
  }
  return links;
}

std::string PeerName(const cli::ObservedSide& own) {
  return "samehost:uid=" + std::to_string(own.peer_uid) + ",pid=" + std::to_string(own.peer_pid);
}

}  // namespace samehost::interop
