// Frames: what the two sides say over the socket once the link is up. All are 16 bytes, so that a
// stream socket keeps their borders as a packet socket does (the rendezvous uses SOCK_SEQPACKET).
// Nothing here blocks. Any thread may send; one thread at a time receives.
#ifndef SAMEHOST_PLUGIN_SHM_FRAME_H_
#define SAMEHOST_PLUGIN_SHM_FRAME_H_

#include <cstdint>

#include "plugin/base/result.h"
#include "plugin/base/unique_fd.h"

namespace samehost::shm {

enum class FrameType : uint32_t {
  kDoorbell = 1,   // look at your ring (peers that share no eventfds)
  kRing = 2,       // a larger ring, by its descriptor: `generation`, `bytes`
  kBlock = 3,      // a block of the arena, by its descriptor: `generation` is its number, `bytes`
  kDropBlock = 4,  // that block is of no further use: `generation`
};

struct Frame {
  FrameType type = FrameType::kDoorbell;
  uint32_t generation = 0;
  uint64_t bytes = 0;
};
static_assert(sizeof(Frame) == 16);

// Sends one frame, with `fd` (-1: none). False when it could not be sent now (full) or ever.
bool SendFrame(int socket, const Frame& frame, int fd = -1);

struct ReceivedFrame {
  bool empty = true;  // nothing there now
  Frame frame;
  UniqueFd fd;
  bool truncated = false;  // a descriptor came, but this process has none free
};
// Takes one frame. Errors: kClosed (the peer has gone), kProtocol (no frame of ours).
Result<ReceivedFrame> ReceiveFrame(int socket);

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_FRAME_H_
