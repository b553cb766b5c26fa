// POSIX shared memory with two process-shared semaphores for each direction: how many slots are
// filled, how many are empty.
#include <semaphore.h>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/adapters/slots.h"
#include "plugin/bench/menu/piece_channel.h"

namespace samehost::bench::menu {
namespace {

struct Direction {
  alignas(64) sem_t filled;
  alignas(64) sem_t empty;
  alignas(64) Slot slots[kSlotCount];
};

struct Shared {
  Direction to_server, to_client;
};

class SemaphoreChannel final : public PieceChannel {
 public:
  SemaphoreChannel(const Place& place, Mapping mapping)
      : PieceChannel(kSlotPiece), peer_(place.peer), mapping_(std::move(mapping)) {
    auto* shared = reinterpret_cast<Shared*>(mapping_.data());
    in_ = place.server() ? &shared->to_server : &shared->to_client;
    out_ = place.server() ? &shared->to_client : &shared->to_server;
    peer_.Watch([this] {
      ::sem_post(&in_->filled);
      ::sem_post(&out_->empty);
    });
  }
  ~SemaphoreChannel() override { peer_.StopWatch(); }

 protected:
  void SendPiece(Bytes head, Bytes body) override {
    Wait(&out_->empty);
    out_->slots[sent_++ % kSlotCount].Fill(head, body);
    ::sem_post(&out_->filled);
  }

  Bytes ReceivePiece(std::span<std::byte>) override {
    if (held_) ::sem_post(&in_->empty);
    held_ = false;
    Wait(&in_->filled);
    held_ = true;
    return in_->slots[received_++ % kSlotCount].piece();
  }

 private:
  void Wait(sem_t* semaphore) {
    while (::sem_wait(semaphore) != 0) {
      if (errno != EINTR) FailErrno("sem_wait");
    }
    peer_.Require();
  }

  Peer& peer_;
  Mapping mapping_;
  Direction* in_;
  Direction* out_;
  uint32_t sent_ = 0, received_ = 0;
  bool held_ = false;
};

void Prepare(std::byte* memory) {
  auto* shared = reinterpret_cast<Shared*>(memory);
  for (Direction* direction : {&shared->to_server, &shared->to_client}) {
    if (::sem_init(&direction->filled, 1, 0) != 0 ||
        ::sem_init(&direction->empty, 1, kSlotCount) != 0) {
      FailErrno("sem_init");
    }
  }
}

}  // namespace

ChannelPtr OpenShmSemaphore(const Place& place) {
  return std::make_unique<SemaphoreChannel>(
      place, MapTogether(place, Backing::kPosixShm, sizeof(Shared), Prepare));
}

}  // namespace samehost::bench::menu
