// boost.interprocess: two message queues in shared memory, one each way. Its locks are not robust:
// an end that dies with one would hang the other, which only a process that is killed from outside
// can show.
#include <boost/interprocess/ipc/message_queue.hpp>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/piece_channel.h"

namespace samehost::bench::menu {
namespace {

namespace ipc = boost::interprocess;

constexpr size_t kPiece = 64 * 1024 + 8;
constexpr size_t kPieces = 4;

struct Queues {
  explicit Queues(const Place& place) : up(Make(place, "-up")), down(Make(place, "-down")) {}
  static std::unique_ptr<ipc::message_queue> Make(const Place& place, const char* direction) {
    const std::string name = place.token + direction;
    if (!place.server()) {
      return std::make_unique<ipc::message_queue>(ipc::open_only, name.c_str());
    }
    return std::make_unique<ipc::message_queue>(ipc::create_only, name.c_str(), kPieces, kPiece);
  }
  std::unique_ptr<ipc::message_queue> up, down;
};

class BoostQueueChannel final : public PieceChannel {
 public:
  BoostQueueChannel(const Place& place, Queues queues)
      : PieceChannel(kPiece),
        peer_(place.peer),
        in_(std::move(place.server() ? queues.up : queues.down)),
        out_(std::move(place.server() ? queues.down : queues.up)) {
    // As with every queue: something in for who receives, room for who sends.
    peer_.Watch([this] {
      const char byte = 0;
      in_->try_send(&byte, 1, 0);
      std::vector<char> piece(kPiece);
      size_t got;
      unsigned priority;
      out_->try_receive(piece.data(), piece.size(), got, priority);
    });
  }
  ~BoostQueueChannel() override { peer_.StopWatch(); }

 protected:
  void SendPiece(Bytes head, Bytes body) override {
    // It takes one stretch of memory.
    piece_.assign(head.begin(), head.end());
    piece_.insert(piece_.end(), body.begin(), body.end());
    out_->send(piece_.data(), piece_.size(), 0);
    peer_.Require();
  }
  Bytes ReceivePiece(std::span<std::byte> room) override {
    size_t got;
    unsigned priority;
    in_->receive(room.data(), room.size(), got, priority);
    peer_.Require();
    return room.first(got);
  }

 private:
  Peer& peer_;
  std::unique_ptr<ipc::message_queue> in_, out_;
  std::vector<std::byte> piece_;
};

}  // namespace

ChannelPtr OpenBoostQueue(const Place& place) {
  if (!place.server()) place.peer.Meet();
  Queues queues(place);
  if (place.server()) place.peer.Meet();
  place.peer.Meet();  // both have them open
  if (place.server()) {
    for (const char* direction : {"-up", "-down"}) {
      ipc::message_queue::remove((place.token + direction).c_str());
    }
  }
  return std::make_unique<BoostQueueChannel>(place, std::move(queues));
}

}  // namespace samehost::bench::menu
