#include "plugin/bench/zmq_links.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace samehost::bench {
namespace {

// Pages 1 and 2 of a link are its counters (plugin/shm/layout.h), and in each are the messages
// received and, behind them, their bytes.
constexpr off_t kReceivedAt = 256;

void AddReceived(int link, ZmqLinks* links) {
  const off_t page_bytes = sysconf(_SC_PAGESIZE);
  for (off_t page : {1, 2}) {
    uint64_t received[2] = {};
    const off_t at = page * page_bytes + kReceivedAt;
    if (pread(link, received, sizeof(received), at) != sizeof(received)) continue;
    links->messages += received[0];
    links->message_bytes += received[1];
  }
}

}  // namespace

ZmqLinks FindZmqLinks() {
  ZmqLinks links;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    const std::string target = std::filesystem::read_symlink(entry.path(), ignored).string();
    if (target.find("/memfd:samehost-") == std::string::npos) continue;
    const int fd = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status = {};
    fstat(fd, &status);
    links.bytes += static_cast<uint64_t>(status.st_blocks) * 512;
    if (target.find("/memfd:samehost-link") != std::string::npos) {
      ++links.count;
      AddReceived(fd, &links);
    }
    close(fd);
  }
  return links;
}

}  // namespace samehost::bench
