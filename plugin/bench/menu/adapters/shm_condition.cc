// POSIX shared memory with a process-shared mutex and condition variable for each direction. The
// mutex is robust, so that an end that dies with it does not hang the other.
#include <pthread.h>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/adapters/slots.h"
#include "plugin/bench/menu/piece_channel.h"

namespace samehost::bench::menu {
namespace {

struct Direction {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  uint32_t filled;  // slots
  alignas(64) Slot slots[kSlotCount];
};

struct Shared {
  Direction to_server, to_client;
};

class Lock {
 public:
  explicit Lock(Direction* direction) : direction_(direction) {
    Require(::pthread_mutex_lock(&direction_->mutex));
  }
  ~Lock() { ::pthread_mutex_unlock(&direction_->mutex); }
  void Wait() { Require(::pthread_cond_wait(&direction_->changed, &direction_->mutex)); }

 private:
  void Require(int error) {
    if (error == 0) return;
    if (error != EOWNERDEAD) FailErrno("lock a shared mutex", error);
    ::pthread_mutex_consistent(&direction_->mutex);
    ::pthread_mutex_unlock(&direction_->mutex);
    throw PeerGone();
  }
  Direction* direction_;
};

class ConditionChannel final : public PieceChannel {
 public:
  ConditionChannel(const Place& place, Mapping mapping)
      : PieceChannel(kSlotPiece), peer_(place.peer), mapping_(std::move(mapping)) {
    auto* shared = reinterpret_cast<Shared*>(mapping_.data());
    in_ = place.server() ? &shared->to_server : &shared->to_client;
    out_ = place.server() ? &shared->to_client : &shared->to_server;
    peer_.Watch([this] { WakeAll(); });
  }
  ~ConditionChannel() override { peer_.StopWatch(); }

 protected:
  void SendPiece(Bytes head, Bytes body) override {
    WaitUntil(out_, [&] { return out_->filled < kSlotCount; });
    out_->slots[sent_++ % kSlotCount].Fill(head, body);
    Add(out_, 1);
  }

  Bytes ReceivePiece(std::span<std::byte>) override {
    if (held_) Add(in_, -1);
    held_ = false;
    WaitUntil(in_, [&] { return in_->filled > 0; });
    held_ = true;
    return in_->slots[received_++ % kSlotCount].piece();
  }

 private:
  template <typename Ready>
  void WaitUntil(Direction* direction, Ready ready) {
    Lock lock(direction);
    while (!ready()) {
      peer_.Require();
      lock.Wait();
    }
  }
  static void Add(Direction* direction, int slots) {
    {
      Lock lock(direction);
      direction->filled += static_cast<uint32_t>(slots);
    }
    ::pthread_cond_signal(&direction->changed);
  }
  void WakeAll() {
    for (Direction* direction : {in_, out_}) {
      try {
        Lock lock(direction);          // whoever has seen "not gone" waits by now
      } catch (const BenchFailure&) {  // who holds it died; who waits for it learns that himself
      }
      ::pthread_cond_broadcast(&direction->changed);
    }
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
  pthread_mutexattr_t mutex;
  ::pthread_mutexattr_init(&mutex);
  ::pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
  ::pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
  pthread_condattr_t condition;
  ::pthread_condattr_init(&condition);
  ::pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
  for (Direction* direction : {&shared->to_server, &shared->to_client}) {
    ::pthread_mutex_init(&direction->mutex, &mutex);
    ::pthread_cond_init(&direction->changed, &condition);
  }
}

}  // namespace

ChannelPtr OpenShmCondition(const Place& place) {
  return std::make_unique<ConditionChannel>(
      place, MapTogether(place, Backing::kPosixShm, sizeof(Shared), Prepare));
}

}  // namespace samehost::bench::menu
