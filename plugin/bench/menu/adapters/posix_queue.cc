// Two POSIX message queues, one each way, of the size that every user may make (8 KiB, 10
// messages).
#include <fcntl.h>
#include <mqueue.h>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/piece_channel.h"

namespace samehost::bench::menu {
namespace {

constexpr long kPiece = 8192;
constexpr long kPieces = 10;

class Queue {
 public:
  Queue(const Place& place, const std::string& direction) : name_("/" + place.token + direction) {
    mq_attr attributes{};
    attributes.mq_maxmsg = kPieces;
    attributes.mq_msgsize = kPiece;
    const int how = O_RDWR | O_CLOEXEC | (place.server() ? O_CREAT | O_EXCL : 0);
    queue_ = ::mq_open(name_.c_str(), how, 0600, &attributes);
    if (queue_ < 0) FailErrno("mq_open");
  }
  ~Queue() { ::mq_close(queue_); }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  void Unlink() { ::mq_unlink(name_.c_str()); }
  mqd_t get() const { return queue_; }

 private:
  std::string name_;
  mqd_t queue_;
};

struct Queues {
  explicit Queues(const Place& place)
      : in(place, place.server() ? "-up" : "-down"), out(place, place.server() ? "-down" : "-up") {}
  Queue in, out;
};

class PosixQueueChannel final : public PieceChannel {
 public:
  PosixQueueChannel(Peer& peer, std::unique_ptr<Queues> queues)
      : PieceChannel(kPiece), peer_(peer), queues_(std::move(queues)) {
    peer_.Watch([this] { Wake(); });
  }
  ~PosixQueueChannel() override { peer_.StopWatch(); }

 protected:
  void SendPiece(Bytes head, Bytes body) override {
    // mq_send takes one stretch of memory.
    piece_.assign(head.begin(), head.end());
    piece_.insert(piece_.end(), body.begin(), body.end());
    while (::mq_send(queues_->out.get(), Chars(piece_), piece_.size(), 0) != 0) {
      if (errno != EINTR) FailErrno("mq_send");
    }
    peer_.Require();
  }

  Bytes ReceivePiece(std::span<std::byte> room) override {
    ssize_t got;
    while ((got = ::mq_receive(queues_->in.get(), Chars(room), room.size(), nullptr)) < 0) {
      if (errno != EINTR) FailErrno("mq_receive");
    }
    peer_.Require();
    return room.first(static_cast<size_t>(got));
  }

 private:
  static char* Chars(std::span<std::byte> bytes) { return reinterpret_cast<char*>(bytes.data()); }

  // The dead use the queues no more: puts something in for who waits to receive, and makes room for
  // who waits to send.
  void Wake() {
    const timespec at_once{};
    char piece[kPiece] = {};
    ::mq_timedsend(queues_->in.get(), piece, 1, 0, &at_once);
    ::mq_timedreceive(queues_->out.get(), piece, sizeof(piece), nullptr, &at_once);
  }

  Peer& peer_;
  std::unique_ptr<Queues> queues_;
  std::vector<std::byte> piece_;
};

}  // namespace

ChannelPtr OpenPosixQueue(const Place& place) {
  if (!place.server()) place.peer.Meet();
  auto queues = std::make_unique<Queues>(place);
  if (place.server()) place.peer.Meet();
  place.peer.Meet();  // both have them open
  if (place.server()) {
    queues->in.Unlink();
    queues->out.Unlink();
  }
  return std::make_unique<PosixQueueChannel>(place.peer, std::move(queues));
}

}  // namespace samehost::bench::menu
