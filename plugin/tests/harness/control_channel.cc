#include "plugin/tests/harness/control_channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace samehost::testing {

ControlChannel::~ControlChannel() { close(fd_); }

void ControlChannel::Write(std::string line) {
  line += '\n';
  for (size_t done = 0; done < line.size();) {
    ssize_t put = send(fd_, line.data() + done, line.size() - done, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;
    done += static_cast<size_t>(put);
  }
}

bool ControlChannel::Read(std::string* line) {
  for (;;) {
    size_t end = unread_.find('\n');
    if (end != std::string::npos) {
      *line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return true;
    }
    char buffer[4096];
    ssize_t got = read(fd_, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    unread_.append(buffer, static_cast<size_t>(got));
  }
}

}  // namespace samehost::testing
