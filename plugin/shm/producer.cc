#include "plugin/shm/producer.h"

#include <algorithm>
#include <cstring>

#include "plugin/shm/segment.h"

namespace samehost::shm {
namespace {

// For counters that only one thread writes: no read-modify-write.
void Add(std::atomic<uint64_t>& counter, uint64_t amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

void StoreWord(std::byte* place, uint64_t word,
               std::memory_order order = std::memory_order_relaxed) {
  // relaxed: published by the first header of its batch. Atomic, so that it is one store.
  reinterpret_cast<std::atomic<uint64_t>*>(place)->store(word, order);
}

// The next record is likely to begin in this cache line or to end it: have it by then. The peer
// does not look at it before.
void PrefetchForWriting(const std::byte* place) {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*place));  // the compiler's own needs -mprfchw
#else
  __builtin_prefetch(place, 1);
#endif
}

// SUBTLE: word by word, because messages are often written just before by stores of one word, and
// a wider load than such a store has to wait until everything before it has left the processor,
// lines of the ring that the peer has included (16 B PUSH/PULL: more than half of the sender's
// time).
void CopySmall(std::byte* to, const std::byte* from, size_t bytes) {
  constexpr size_t kSmall = 64;
  if (bytes == 0) return;  // then `from` may be null
  uint64_t word;
  if (bytes < sizeof(word) || bytes > kSmall) {
    std::memcpy(to, from, bytes);
    return;
  }
  const auto copy_word = [&](size_t at) {
    std::memcpy(&word, from + at, sizeof(word));
    asm volatile("" : "+r"(word));  // no wider load, please
    std::memcpy(to + at, &word, sizeof(word));
  };
  for (size_t at = 0; at + sizeof(word) <= bytes; at += sizeof(word)) copy_word(at);
  copy_word(bytes - sizeof(word));
}

// Every ring keeps this much free, so that the change to another ring always fits.
constexpr size_t kSwitchRoom = kSwitchRecordBytes;

}  // namespace

Producer::Producer(DirectionControl* control, CountersPage* counters, PeerBell* bell,
                   Breaker* breaker, int socket, RingMemory first, uint32_t max_ring_bytes)
    : control_(control),
      counters_(counters),
      bell_(bell),
      breaker_(breaker),
      ring_(std::move(first)),
      offer_(control, socket, max_ring_bytes) {
  counters_->ring_bytes.store(ring_.capacity, std::memory_order_relaxed);
}

bool Producer::RefreshTail() {
  const uint64_t tail = control_->tail.load(std::memory_order_acquire);  // SYNC(room)
  // Neither back nor beyond what it can have seen.
  if (tail - tail_ > visible_ - tail_) {
    breaker_->Violation("tail of the peer");
    return false;
  }
  tail_ = tail;
  return true;
}

bool Producer::Fits(size_t need) {
  // Positions before ring_start_ lie in another ring.
  const auto fits = [&] {
    return position_ + need - std::max(tail_, ring_start_) <= ring_.capacity;
  };
  return fits() || (RefreshTail() && fits());
}

std::byte* Producer::Reserve(size_t bytes) {
  if (offer_.accepted()) UseAcceptedRing();
  if (bytes == 0 || bytes > max_record()) return nullptr;
  if (!Fits(RecordBytes(bytes) + kSwitchRoom)) {
    Add(counters_->ring_full, 1);
    return nullptr;
  }
  ForgetRoom();
  reserved_ = bytes;
  return ring_.At(position_) + kRecordHeaderBytes;
}

void Producer::ForgetRoom() {
  if (wanted_tail_.load(std::memory_order_relaxed) == 0) return;  // relaxed: own
  wanted_tail_.store(0, std::memory_order_relaxed);
  control_->awaited_tail.store(0, std::memory_order_relaxed);  // relaxed: only saves a ring
}

void Producer::Commit(size_t bytes) {
  if (bytes == 0 || bytes > reserved_) return;
  std::byte* place = ring_.At(position_);
  position_ += RecordBytes(bytes);
  StoreWord(ring_.At(position_), 0);  // whoever sees the record finds that nothing follows
  Append(place, PackHeader(static_cast<uint32_t>(bytes), RecordKind::kData));
  data_end_ = position_;
  reserved_ = 0;
  ++new_records_;
  new_bytes_ += bytes;
}

void Producer::Append(std::byte* place, uint64_t header) {
  if (first_place_ != nullptr) return StoreWord(place, header);
  first_place_ = place;
  first_header_ = header;
}

void Producer::ReleaseFirst() {
  if (first_place_ == nullptr) return;
  StoreWord(first_place_, first_header_, std::memory_order_release);  // SYNC(record)
  first_place_ = nullptr;
  visible_ = position_;
}

void Producer::Publish() {
  if (position_ == published_) return;
  ReleaseFirst();
  published_ = position_;
  published_data_.store(data_end_, std::memory_order_relaxed);  // relaxed: only a hint for pollers
  control_->head.store(position_, std::memory_order_release);   // SYNC(records)
  bell_->AfterRecords();
  PrefetchForWriting(ring_.At(position_ + kRecordAlignment));
  CountPublished();
}

// For streams of small messages, whose cost it is: as one function.
[[gnu::flatten]] bool Producer::Send(std::span<const std::byte> head,
                                     std::span<const std::byte> body) {
  const size_t bytes = RecordBytes(head.size() + body.size()) - kRecordHeaderBytes;
  std::byte* place = Reserve(bytes);
  if (place == nullptr) return false;
  std::memcpy(place, head.data(), head.size());
  CopySmall(place + head.size(), body.data(), body.size());
  Commit(bytes);
  Publish();
  return true;
}

void Producer::CountPublished() {
  Add(counters_->records_sent, new_records_);
  Add(counters_->bytes_sent, new_bytes_);
  new_records_ = 0;
  new_bytes_ = 0;
}

bool Producer::AwaitRoom(size_t bytes) {
  if (offer_.accepted()) UseAcceptedRing();
  const size_t need = RecordBytes(std::min(bytes, max_record())) + kSwitchRoom;
  if (Fits(need)) return false;
  if (breaker_->broken()) {
    // For good: the caller learns it from Next() or the socket. What the peer's word says about
    // room counts no more (HasRoom()).
    ForgetRoom();
    return true;
  }
  const uint64_t wanted = position_ + need - ring_.capacity;
  wanted_tail_.store(wanted, std::memory_order_relaxed);  // relaxed: pollers only compare with it
  if (!Wake::AwaitTail(control_->awaited_tail, wanted, control_->tail) || offer_.accepted()) {
    return false;
  }
  // The peer has read enough but holds on to it (lent records): it must look after that even if it
  // sleeps. SYNC(sleep): the fence in AwaitTail was between the asking and this.
  if (control_->taken.load(std::memory_order_relaxed) >= wanted) bell_->AfterRecords();
  return true;
}

// ---- Other rings -----------------------------------------------------------------------------

void Producer::WantRingBytes(size_t bytes) {
  if (offer_.accepted()) UseAcceptedRing();
  if (bytes <= ring_.capacity) return;
  offer_.DropRefused();
  // The peer must have come out of the last ring that was on offer.
  // relaxed: the offer itself travels over the socket.
  if (control_->taken.load(std::memory_order_relaxed) < switch_end_) {
    bell_->AfterRecords();  // it may sleep on a switch that came without a doorbell
    return;
  }
  offer_.Want(bytes, ring_.capacity);
}

RingMemory Producer::SwitchTo(RingMemory next) {
  std::byte* place = ring_.At(position_);
  StoreWord(place + kRecordHeaderBytes, next.generation);
  position_ += kSwitchRecordBytes;
  StoreWord(next.At(position_), 0);  // it may have been in use before
  Append(place, PackHeader(sizeof(SwitchPayload), RecordKind::kSwitch));
  ReleaseFirst();  // the memory may be unmapped before the next Publish()
  ring_start_ = position_;
  if (next.generation != 0) switch_end_ = position_;
  reserved_ = 0;
  counters_->ring_bytes.store(next.capacity, std::memory_order_relaxed);  // relaxed: a counter
  std::lock_guard lock(memory_mutex_);
  return std::exchange(ring_, std::move(next));
}

void Producer::UseAcceptedRing() {
  RingMemory left = SwitchTo(offer_.Take());
  // A grown ring ends here: the consumer's own mapping keeps what it has not read.
  if (left.generation == 0) first_ = std::move(left);
}

bool Producer::TrimIdle() {
  offer_.DropRefused();
  if (ring_.generation == 0 && !offer_.accepted()) return !offer_.pending();
  // Idle: every record was published, read and released, so nobody reads this memory any more.
  if (data_end_ > published_ || !RefreshTail() || tail_ != published_) return breaker_->broken();
  const uint64_t start = published_;
  if (offer_.accepted()) LeavePunched(offer_.Take());
  LeavePunched(std::move(first_));
  // SUBTLE: if the first ring was left only a moment ago, its switch record is still to be read.
  ring_start_ = start;
  published_ = position_;
  // No doorbell: a sleeping peer finds the switch when the next record wakes it.
  control_->head.store(position_, std::memory_order_release);  // SYNC(records)
  return true;
}

// The peer may keep a ring mapped for as long as it sleeps; so its memory goes at once, but for the
// pages of the switch record.
void Producer::LeavePunched(RingMemory next) {
  const uint64_t last = position_;
  RingMemory left = SwitchTo(std::move(next));
  if (left.generation == 0) {
    first_ = std::move(left);
    return;
  }
  PunchAllBut(left.fd.get(), left.capacity, last & (left.capacity - 1), kSwitchRecordBytes);
}

size_t Producer::memory_bytes() const {
  std::lock_guard lock(memory_mutex_);
  return BackedBytes(ring_.fd.get()) + offer_.memory_bytes();
}

}  // namespace samehost::shm
