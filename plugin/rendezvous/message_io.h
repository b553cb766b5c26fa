// One message of a SOCK_SEQPACKET socket, with the descriptors that travel with it. Any thread; the
// socket belongs to the caller.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_MESSAGE_IO_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_MESSAGE_IO_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/base/unique_fd.h"

namespace samehost::rendezvous {

struct Message {
  std::string bytes;
  std::vector<UniqueFd> descriptors;  // close-on-exec
  bool complete = true;  // false: it was longer than kMaxMessageBytes, or descriptors were lost
};

// Never blocks, never raises SIGPIPE. Errors: kTimeout (no room now), kClosed (peer gone), kSystem.
Status SendMessage(int socket, std::string_view bytes, const std::vector<int>& descriptors = {});

// Never blocks. nullopt: nothing there yet. Errors: kClosed (end of file), kSystem.
Result<std::optional<Message>> ReceiveMessage(int socket);

}  // namespace samehost::rendezvous

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_MESSAGE_IO_H_
