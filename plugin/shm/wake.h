// The sleep protocol: who looks, who sleeps, who must ring. Both sides run these few steps over
// the words of layout.h. They are templates so that wake_model_test.cc can run the very same code
// over a model of the processor's store buffers, through every interleaving. The proof is in
// docs/design/ring.md.
//
// The rule: one side stores what the other waits for, then reads whether it sleeps; the other
// stores that it sleeps, then reads whether there is anything. With a fence between store and read
// on both sides at least one of them sees the other's store. SYNC(sleep)
#ifndef SAMEHOST_PLUGIN_SHM_WAKE_H_
#define SAMEHOST_PLUGIN_SHM_WAKE_H_

#include <atomic>
#include <cstdint>

namespace samehost::shm {

// The values of Link::Watch as they stand in shared memory.
inline constexpr uint32_t kWatchWatched = 0;
inline constexpr uint32_t kWatchBusy = 1;
inline constexpr uint32_t kWatchAsleep = 2;

struct RealFence {
  static void SeqCst() {
#if defined(__SANITIZE_THREAD__)
    // ThreadSanitizer knows no fences. A read-modify-write orders as much on the processor.
    static thread_local std::atomic<int> dummy{0};
    dummy.fetch_add(1, std::memory_order_seq_cst);
#endif
#if !defined(__SANITIZE_THREAD__)
    std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
  }
};

template <typename Fence = RealFence>
struct WakeProtocol {
  // After records were published: whether the peer sleeps and must be rung. Takes the peer's sleep
  // away, so that only one ring is sent.
  template <typename Watch>
  static bool MustRingForRecords(Watch& watch) {
    Fence::SeqCst();  // SYNC(sleep): the head before, the watch word after
    // relaxed: ordered by the fence; the exchange decides.
    if (watch.load(std::memory_order_relaxed) != kWatchAsleep) return false;
    return Take(watch, kWatchAsleep);
  }

  // After `tail` was published: whether the peer waits for this much room and nobody there looks.
  template <typename Word, typename Watch>
  static bool MustRingForRoom(Word& awaited_tail, uint64_t tail, Watch& watch) {
    Fence::SeqCst();  // SYNC(sleep): the tail before, both words after
    const uint64_t awaited = awaited_tail.load(std::memory_order_relaxed);
    if (awaited == 0 || tail < awaited) return false;
    return Take(watch, kWatchAsleep) || Take(watch, kWatchBusy);
  }

  // The same where messages are counted as well: whether the peer waits for either.
  template <typename Word, typename Watch>
  static bool MustRingForTaken(Word& awaited_tail, uint64_t tail, Word& awaited_messages,
                               uint64_t messages, Watch& watch) {
    Fence::SeqCst();  // SYNC(sleep): tail and count before, the three words after
    const uint64_t room = awaited_tail.load(std::memory_order_relaxed);
    const uint64_t count = awaited_messages.load(std::memory_order_relaxed);
    if ((room == 0 || tail < room) && (count == 0 || messages < count)) return false;
    return Take(watch, kWatchAsleep) || Take(watch, kWatchBusy);
  }

  // A peer whose looker runs a handler: whether this caller is the one that rings.
  template <typename Watch>
  static bool MustRingBusy(Watch& watch) {
    if (watch.load(std::memory_order_relaxed) != kWatchBusy) return false;
    return Take(watch, kWatchBusy);
  }

  // Goes to sleep unless `anything()` says that there is something to do. True: asleep.
  template <typename Watch, typename Anything>
  static bool Arm(Watch& watch, Anything anything) {
    watch.store(kWatchAsleep, std::memory_order_relaxed);
    return LookAgain(watch, anything);
  }

  // The same, but stays asleep in any case: for several threads that wait for different things.
  // True: there is nothing.
  template <typename Watch, typename Anything>
  static bool ArmAndStay(Watch& watch, Anything anything) {
    watch.store(kWatchAsleep, std::memory_order_relaxed);
    Fence::SeqCst();  // SYNC(sleep): the watch word before, head and tail after
    return !anything();
  }

  // The same, but only for a side that is busy. True also when it was not busy.
  template <typename Watch, typename Anything>
  static bool ArmIfBusy(Watch& watch, Anything anything) {
    uint32_t expected = kWatchBusy;
    if (!watch.compare_exchange_strong(expected, kWatchAsleep, std::memory_order_seq_cst)) {
      return true;
    }
    return LookAgain(watch, anything);
  }

  // Asks for room: true when `tail` has not come to `wanted` even after the asking was visible.
  template <typename Word, typename Tail>
  static bool AwaitTail(Word& awaited_tail, uint64_t wanted, Tail& tail) {
    awaited_tail.store(wanted, std::memory_order_relaxed);
    Fence::SeqCst();  // SYNC(sleep): the asking before, the tail after
    return tail.load(std::memory_order_relaxed) < wanted;
  }

 private:
  template <typename Watch>
  static bool Take(Watch& watch, uint32_t expected) {
    return watch.compare_exchange_strong(expected, kWatchWatched, std::memory_order_seq_cst);
  }

  template <typename Watch, typename Anything>
  static bool LookAgain(Watch& watch, Anything anything) {
    Fence::SeqCst();  // SYNC(sleep): the watch word before, head and tail after
    if (!anything()) return true;
    // When the peer was faster the doorbell rings once for nothing.
    Take(watch, kWatchAsleep);
    return false;
  }
};

using Wake = WakeProtocol<>;

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_WAKE_H_
