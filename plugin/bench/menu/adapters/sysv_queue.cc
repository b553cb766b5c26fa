// Two System V message queues, one each way, with the kernel's default limits (8 KiB a message, 16
// KiB a queue).
#include <sys/ipc.h>
#include <sys/msg.h>

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

class SysvQueueChannel final : public PieceChannel {
 public:
  SysvQueueChannel(Peer& peer, int in, int out)
      : PieceChannel(kPiece), peer_(peer), in_(in), out_(out) {
    // Whoever waits on a queue that is removed gets EIDRM.
    peer_.Watch([this] { Remove(); });
  }
  ~SysvQueueChannel() override {
    peer_.StopWatch();
    Remove();
  }

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
  void Remove() {
    ::msgctl(in_, IPC_RMID, nullptr);
    ::msgctl(out_, IPC_RMID, nullptr);
  }

  Peer& peer_;
  const int in_, out_;
  Message message_;
};

int MakeQueue() {
  const int queue = ::msgget(IPC_PRIVATE, IPC_CREAT | 0600);
  if (queue < 0) FailErrno("msgget");
  return queue;
}

}  // namespace

ChannelPtr OpenSysvQueue(const Place& place) {
  if (!place.server()) {
    const int in = std::stoi(place.peer.ReceiveText());
    const int out = std::stoi(place.peer.ReceiveText());
    return std::make_unique<SysvQueueChannel>(place.peer, in, out);
  }
  const int in = MakeQueue(), out = MakeQueue();
  auto channel = std::make_unique<SysvQueueChannel>(place.peer, in, out);
  place.peer.SendText(std::to_string(out));
  place.peer.SendText(std::to_string(in));
  return channel;
}

}  // namespace samehost::bench::menu
