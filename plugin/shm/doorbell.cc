#include "plugin/shm/doorbell.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include <cstdint>

#include "plugin/base/aside.h"
#include "plugin/shm/frame.h"

namespace samehost::shm {
namespace {

// Only an eventfd takes eight bytes and gives them back; a pipe or a file that a peer sends
// instead could block or grow.
bool LooksLikeEventFd(int fd) {
  char link[64];
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = readlink(path.c_str(), link, sizeof(link));
  // Without /proc nothing can be told; the peer is the same user anyway.
  return size < 0 || std::string(link, static_cast<size_t>(size)) == "anon_inode:[eventfd]";
}

void Ring(const UniqueFd& eventfd) {
  const uint64_t one = 1;
  // The eight bytes must not get into a file of the program's that has the number now.
  if (!eventfd.Intact()) return;
  [[maybe_unused]] const ssize_t ignored = write(eventfd.get(), &one, sizeof(one));
}

}  // namespace

Result<UniqueFd> Doorbell::MakeEventFd() {
  UniqueFd fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd.valid()) return SystemError("eventfd");
  return Aside(std::move(fd));
}

Result<Doorbell> Doorbell::Create(UniqueFd own, UniqueFd peer, int socket) {
  if (own.valid() != peer.valid()) return Error{ErrorCode::kProtocol, 0, "one doorbell of two"};
  if (own.valid()) {
    for (const UniqueFd* fd : {&own, &peer}) {
      if (!LooksLikeEventFd(fd->get()))
        return Error{ErrorCode::kProtocol, 0, "doorbell: no eventfd"};
      if ((fcntl(fd->get(), F_GETFL) & O_NONBLOCK) == 0) {
        return Error{ErrorCode::kProtocol, 0, "doorbell: it blocks"};
      }
    }
    return Doorbell(std::move(own), std::move(peer), socket);
  }
  Result<UniqueFd> self = MakeEventFd();
  if (!self.ok()) return self.error();
  return Doorbell(*std::move(self), UniqueFd(), socket);
}

void Doorbell::RingPeer() const {
  if (peer_.valid()) {
    Ring(peer_);
  } else {
    SendFrame(socket_, Frame{FrameType::kDoorbell});
  }
}

void Doorbell::RingSelf() const { Ring(own_); }

bool Doorbell::Drain() const {
  uint64_t rings = 0;
  iovec place = {&rings, sizeof(rings)};
  // RWF_NOWAIT, because the peer may have cleared O_NONBLOCK.
  ssize_t got = preadv2(own_.get(), &place, 1, -1, RWF_NOWAIT);
  if (got < 0 && errno == EOPNOTSUPP) got = read(own_.get(), &rings, sizeof(rings));
  return got > 0;
}

}  // namespace samehost::shm
