// LinkImpl: puts the pieces of a link together. See link.h for who owns it, who calls it and how it
// fails.
#ifndef SAMEHOST_PLUGIN_SHM_LINK_IMPL_H_
#define SAMEHOST_PLUGIN_SHM_LINK_IMPL_H_

#include <atomic>
#include <memory>
#include <string_view>

#include "plugin/base/fork_guard.h"
#include "plugin/shm/arena.h"
#include "plugin/shm/arena_view.h"
#include "plugin/shm/breaker.h"
#include "plugin/shm/consumer.h"
#include "plugin/shm/doorbell.h"
#include "plugin/shm/link.h"
#include "plugin/shm/peer_bell.h"
#include "plugin/shm/producer.h"
#include "plugin/shm/ring_inbox.h"

namespace samehost::shm {

class LinkImpl final : public Link {
 public:
  // What Create() has mapped and checked.
  struct Pieces {
    Side side;
    UniqueFd segment;
    UniqueFd socket;
    UniqueFd pidfd;
    std::shared_ptr<const Mapping> control;  // everything before the data areas
    SegmentHeader header;
    RingMemory outgoing;
    RingMemory incoming;
    uint32_t max_ring_bytes;
    uint32_t max_arena_bytes;
    bool writable_blocks;
    bool trusts_peer;
  };
  LinkImpl(Pieces pieces, Doorbell doorbell);
  ~LinkImpl() override;

  size_t max_record() const override { return producer_.max_record(); }
  std::byte* Reserve(size_t bytes) override;
  void Commit(size_t bytes) override;
  void Publish() override;
  bool SendMessage(std::span<const std::byte> head, std::span<const std::byte> body) override;
  bool AwaitRoom(size_t bytes) override;
  bool HasRoom() const override { return producer_.HasRoom(); }
  void WantRingBytes(size_t bytes) override;
  bool TrimIdle() override;
  const std::shared_ptr<Arena>& arena() const override { return arena_; }
  bool LendBlock(const BlockReference& reference) override;
  std::optional<BlockReference> SendBack(Lease* lease, std::span<const std::byte> bytes) override;

  Take Next(Record* record) override;
  void Done(const Record& record) override;
  void FlushDone() override;
  Lease Lend(const Record& record) override;
  void SetMessagesTaken(uint64_t messages) override { consumer_.SetMessagesTaken(messages); }
  uint64_t MessagesTakenByPeer() const override {
    return outgoing_->messages_taken.load(std::memory_order_relaxed);  // relaxed: one number
  }
  void AwaitMessagesTaken(uint64_t messages) override;
  bool ArmFor(uint32_t what) override;
  Borrowed Borrow(const BlockReference& reference) override;
  std::span<std::byte> TakeBack(const BlockReference& reference) override;
  const Error& broken() const override;
  uint64_t InputEnd() const override {
    return incoming_->head.load(std::memory_order_acquire);  // SYNC(records)
  }
  bool HasInput() const override { return consumer_.HasInput(); }
  bool InputHere() const override { return !forked() && consumer_.InputHere(); }
  uint32_t AnnouncedInput() const override {
    return incoming_->coming.load(std::memory_order_relaxed);
  }
  bool TakePeerWoken() override { return bell_.TakeRang(); }
  uint64_t RungAtNanos() const override {
    return incoming_->rung_nanos.load(std::memory_order_relaxed);  // a hint
  }
  int RungOnProcessor() const override {
    // relaxed: a hint. What the peer says may be any number; the subtraction must not overflow.
    return static_cast<int>(incoming_->rung_on.load(std::memory_order_relaxed) - 1);
  }
  bool PeerCaughtUp() const override { return producer_.PeerCaughtUp(); }

  void SetWatch(Watch watch) override;
  bool ArmDoorbell(bool only_if_busy) override;
  void RingIfBusy() override;
  void RingSelf() override;
  int doorbell_fd() const override { return doorbell_.fd(); }
  void DrainDoorbell() override;
  int socket_fd() const override { return socket_.get(); }
  bool shares_eventfds() const override { return doorbell_.shares_eventfds(); }
  int pidfd() const override { return pidfd_.get(); }
  Status OnSocketReadable() override;
  void Close() override;

  void Describe(const Description& description) override;
  void CountMessageSent() override;
  void CountMessageReceived() override;
  void CountSleep() override;
  void CountSpin(bool paid) override;
  CounterValues counters() const override;
  size_t memory_bytes() const override;

 private:
  bool forked() const { return ForkGeneration() != fork_generation_; }
  // Counts a wake-up or frame from the peer; breaks the link when there are absurdly many without
  // any progress.
  void CountDisturbance();
  void HasCome();  // what the arena has announced
  void CountBlockSent(const BlockReference& reference);
  void CountPeerBlocks();  // for whoever reads the counters page
  CountersPage* Page(size_t side) const;
  DirectionControl* Direction(size_t side) const;

  const uint64_t fork_generation_;
  const size_t side_;  // 0 connecting, 1 accepting
  const SegmentHeader header_;
  const UniqueFd segment_;
  const UniqueFd socket_;
  const UniqueFd pidfd_;
  const std::shared_ptr<const Mapping> control_;
  const Doorbell doorbell_;
  CountersPage* const page_;
  DirectionControl* const outgoing_;
  DirectionControl* const incoming_;
  Breaker breaker_;
  PeerBell bell_;
  RingInbox inbox_;
  ArenaView view_;
  std::shared_ptr<Arena> arena_;
  std::atomic<uint64_t> awaited_messages_{0};  // as DirectionControl says; 0: none
  std::atomic<uint64_t> disturbances_{0};      // since the last progress
  std::atomic<uint64_t> disturbed_since_{0};   // nanoseconds
  std::atomic<uint64_t> last_progress_{0};     // what the peer's positions were then
  std::atomic<bool> rang_self_{false};
  alignas(kLineBytes) Producer producer_;
  alignas(kLineBytes) Consumer consumer_;
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_LINK_IMPL_H_
