#include "plugin/rendezvous/message_io.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "plugin/rendezvous/handshake.h"

namespace samehost::rendezvous {
namespace {

// A hello carries three at most. The kernel drops what does not fit and says so (MSG_CTRUNC).
constexpr size_t kMaxDescriptors = 4;

struct Control {
  alignas(cmsghdr) char bytes[CMSG_SPACE(kMaxDescriptors * sizeof(int))] = {};
};

void TakeDescriptors(msghdr& header, std::vector<UniqueFd>* out) {
  for (cmsghdr* at = CMSG_FIRSTHDR(&header); at != nullptr; at = CMSG_NXTHDR(&header, at)) {
    if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      memcpy(&fd, CMSG_DATA(at) + i * sizeof(int), sizeof(fd));
      out->emplace_back(fd);
    }
  }
}

}  // namespace

Status SendMessage(int socket, std::string_view bytes, const std::vector<int>& descriptors) {
  iovec data = {const_cast<char*>(bytes.data()), bytes.size()};
  Control control;
  msghdr header = {};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    const size_t size = std::min(descriptors.size(), kMaxDescriptors) * sizeof(int);
    header.msg_control = control.bytes;
    header.msg_controllen = CMSG_SPACE(size);
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(rights), descriptors.data(), size);
  }
  ssize_t sent = -1;
  do {
    sent = sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent >= 0) return {};
  const ErrorCode code = errno == EAGAIN                         ? ErrorCode::kTimeout
                         : errno == EPIPE || errno == ECONNRESET ? ErrorCode::kClosed
                                                                 : ErrorCode::kSystem;
  return Error{code, errno, "send handshake message"};
}

Result<std::optional<Message>> ReceiveMessage(int socket) {
  Message message;
  message.bytes.resize(kMaxMessageBytes);
  iovec data = {message.bytes.data(), message.bytes.size()};
  Control control;
  msghdr header = {};
  ssize_t got = -1;
  // SUBTLE: a peer that closes with our message unread leaves ECONNRESET in front of its own last
  // message; the error is reported once, and the message comes after it.
  for (int resets = 0; got < 0;) {
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes;
    header.msg_controllen = sizeof(control.bytes);
    got = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got >= 0 || errno == EINTR) continue;
    if (errno == EAGAIN) return std::optional<Message>();
    if (errno != ECONNRESET) return SystemError("receive handshake message");
    if (++resets > 1) return Error{ErrorCode::kClosed, ECONNRESET, "receive handshake message"};
  }
  TakeDescriptors(header, &message.descriptors);
  message.complete = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
  message.bytes.resize(static_cast<size_t>(got));
  if (got == 0) return Error{ErrorCode::kClosed, 0, "receive handshake message"};
  return std::optional<Message>(std::move(message));
}

}  // namespace samehost::rendezvous
