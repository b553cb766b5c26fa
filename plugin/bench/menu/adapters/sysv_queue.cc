// Two System V message queues, one each way, with the kernel's default limits (8 KiB a message, 16
// KiB a queue). They outlive whoever made them, and may not be removed while they are used: a
// process of their own removes them when the server has gone, in whatever way.
#include <fcntl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/piece_channel.h"

namespace samehost::bench::menu {
namespace {

constexpr size_t kPiece = 8192;

struct Message {
  long type;
  std::byte bytes[kPiece];
};

void Remove(int queue, int other) {
  ::msgctl(queue, IPC_RMID, nullptr);
  ::msgctl(other, IPC_RMID, nullptr);
}

class SysvQueueChannel final : public PieceChannel {
 public:
  SysvQueueChannel(Peer& peer, int in, int out, UniqueFd wanted)
      : PieceChannel(kPiece), peer_(peer), in_(in), out_(out), wanted_(std::move(wanted)) {
    // Whoever waits on a queue that is removed gets EIDRM.
    peer_.Watch([this] { Remove(in_, out_); });
  }
  ~SysvQueueChannel() override { peer_.StopWatch(); }

 protected:
  void SendPiece(Bytes head, Bytes body) override {
    message_.type = 1;
    if (!head.empty()) std::memcpy(message_.bytes, head.data(), head.size());
    if (!body.empty()) std::memcpy(message_.bytes + head.size(), body.data(), body.size());
    while (::msgsnd(out_, &message_, head.size() + body.size(), 0) != 0) Look("msgsnd");
  }

  Bytes ReceivePiece(std::span<std::byte>) override {
    ssize_t got;
    while ((got = ::msgrcv(in_, &message_, kPiece, 0, 0)) < 0) Look("msgrcv");
    return {message_.bytes, static_cast<size_t>(got)};
  }

 private:
  static void Look(const char* what) {
    if (errno == EIDRM || errno == EINVAL) throw PeerGone();
    if (errno != EINTR) FailErrno(what);
  }

  Peer& peer_;
  const int in_, out_;
  const UniqueFd wanted_;
  Message message_;
};

int MakeQueue() {
  const int queue = ::msgget(IPC_PRIVATE, IPC_CREAT | 0600);
  if (queue < 0) FailErrno("msgget");
  return queue;
}

// Returns the descriptor that must stay open for as long as the queues are wanted; the kernel
// closes it when this process ends.
UniqueFd RemoveWhenClosed(int queue, int other) {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) FailErrno("pipe");
  UniqueFd read_end(fds[0]), write_end(fds[1]);
  const pid_t child = ::fork();
  if (child < 0) FailErrno("fork");
  if (child > 0) {
    ::waitpid(child, nullptr, 0);
    return write_end;
  }
  // Nobody's child and of no terminal: what ends the others by these ways spares it.
  ::setsid();
  if (::fork() != 0) ::_exit(0);
  ::dup2(read_end.get(), 0);
  ::close_range(1, ~0U, 0);  // nobody may take it for the server
  char byte;
  while (::read(0, &byte, 1) < 0 && errno == EINTR) {
  }
  Remove(queue, other);
  ::_exit(0);
}

}  // namespace

ChannelPtr OpenSysvQueue(const Place& place) {
  if (!place.server()) {
    const int in = std::stoi(place.peer.ReceiveText());
    const int out = std::stoi(place.peer.ReceiveText());
    return std::make_unique<SysvQueueChannel>(place.peer, in, out, UniqueFd());
  }
  const int in = MakeQueue(), out = MakeQueue();
  auto channel = std::make_unique<SysvQueueChannel>(place.peer, in, out, RemoveWhenClosed(in, out));
  place.peer.SendText(std::to_string(out));
  place.peer.SendText(std::to_string(in));
  return channel;
}

}  // namespace samehost::bench::menu
