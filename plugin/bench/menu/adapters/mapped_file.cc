// An ordinary file that both processes map; who waits for a slot sleeps on a futex in it.
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/adapters/slots.h"
#include "plugin/bench/menu/piece_channel.h"

namespace samehost::bench::menu {
namespace {

// Pieces written and read so far, modulo 2^32. Each is the futex of who waits for it to change.
struct Direction {
  alignas(64) std::atomic<uint32_t> written;
  alignas(64) std::atomic<uint32_t> read;
  alignas(64) Slot slots[kSlotCount];
};

struct Shared {
  Direction to_server, to_client;
};

void FutexWait(std::atomic<uint32_t>& word, uint32_t while_it_is) {
  ::syscall(SYS_futex, &word, FUTEX_WAIT, while_it_is, nullptr, nullptr, 0);
}

void FutexWake(std::atomic<uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
}

class MappedFileChannel final : public PieceChannel {
 public:
  MappedFileChannel(const Place& place, Mapping mapping)
      : PieceChannel(kSlotPiece), peer_(place.peer), mapping_(std::move(mapping)) {
    auto* shared = reinterpret_cast<Shared*>(mapping_.data());
    in_ = place.server() ? &shared->to_server : &shared->to_client;
    out_ = place.server() ? &shared->to_client : &shared->to_server;
    // The dead write no more: a number that is not theirs does no harm, and nobody sleeps on it.
    peer_.Watch([this] {
      for (std::atomic<uint32_t>* word : {&in_->written, &out_->read}) {
        word->fetch_add(1, std::memory_order_release);  // SYNC(gone), by way of peer_.gone()
        FutexWake(*word);
      }
    });
  }
  ~MappedFileChannel() override { peer_.StopWatch(); }

 protected:
  void SendPiece(Bytes head, Bytes body) override {
    WaitWhile(out_->read, sent_ - kSlotCount);
    out_->slots[sent_ % kSlotCount].Fill(head, body);
    out_->written.store(++sent_, std::memory_order_release);  // SYNC(slot filled)
    FutexWake(out_->written);
  }

  Bytes ReceivePiece(std::span<std::byte>) override {
    if (held_) {
      in_->read.store(received_, std::memory_order_release);  // SYNC(slot emptied)
      FutexWake(in_->read);
    }
    held_ = false;
    WaitWhile(in_->written, received_);
    held_ = true;
    return in_->slots[received_++ % kSlotCount].piece();
  }

 private:
  void WaitWhile(std::atomic<uint32_t>& word, uint32_t value) {
    // acquire: SYNC(slot filled), SYNC(slot emptied)
    while (word.load(std::memory_order_acquire) == value) {
      peer_.Require();
      FutexWait(word, value);
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

}  // namespace

ChannelPtr OpenMappedFile(const Place& place) {
  return std::make_unique<MappedFileChannel>(
      place, MapTogether(place, Backing::kFile, sizeof(Shared), [](std::byte*) {}));
}

}  // namespace samehost::bench::menu
