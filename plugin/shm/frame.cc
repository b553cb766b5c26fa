#include "plugin/shm/frame.h"

#include <sys/socket.h>

#include <cstring>

#include "plugin/base/aside.h"

namespace samehost::shm {
namespace {

// Room for more descriptors than one, so that a peer that sends many is found out and all are
// closed.
constexpr size_t kMaxDescriptors = 4;

union ControlBuffer {
  cmsghdr header;
  char bytes[CMSG_SPACE(kMaxDescriptors * sizeof(int))];
};

// Owns every descriptor that came along; the first is kept. False when there was more than one.
bool TakeDescriptors(msghdr& message, UniqueFd& kept) {
  size_t count = 0;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = 0; CMSG_LEN((at + 1) * sizeof(int)) <= c->cmsg_len; ++at, ++count) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + at * sizeof(int), sizeof(fd));
      UniqueFd owned = Aside(UniqueFd(fd));
      if (count == 0) kept = std::move(owned);
    }
  }
  return count <= 1;
}

}  // namespace

bool SendFrame(int socket, const Frame& frame, int fd) {
  iovec place = {const_cast<Frame*>(&frame), sizeof(frame)};
  msghdr message = {};
  message.msg_iov = &place;
  message.msg_iovlen = 1;
  ControlBuffer control = {};
  if (fd >= 0) {
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
  }
  ssize_t sent;
  do {
    sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(sizeof(frame));
}

Result<ReceivedFrame> ReceiveFrame(int socket) {
  ReceivedFrame received;
  iovec place = {&received.frame, sizeof(received.frame)};
  ControlBuffer control = {};
  msghdr message = {};
  message.msg_iov = &place;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof(control);
  ssize_t got;
  do {
    got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return received;
  if (got < 0 || (got == 0 && message.msg_controllen == 0)) {
    return Error{ErrorCode::kClosed, got < 0 ? errno : 0, "socket to the peer"};
  }
  const bool one = TakeDescriptors(message, received.fd);
  received.truncated = (message.msg_flags & MSG_CTRUNC) != 0;
  if (!one || got != static_cast<ssize_t>(sizeof(Frame)) || (message.msg_flags & MSG_TRUNC) != 0) {
    return Error{ErrorCode::kProtocol, 0, "frame on the socket"};
  }
  received.empty = false;
  return received;
}

}  // namespace samehost::shm
