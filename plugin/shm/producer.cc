#include "plugin/shm/producer.h"

#include <algorithm>

namespace samehost::shm {
namespace {

// For counters that only one thread writes: no read-modify-write.
void Add(std::atomic<uint64_t>& counter, uint64_t amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

void StoreHeader(std::byte* place, uint64_t header) {
  // relaxed: published by the head. Atomic, so that it is one store.
  reinterpret_cast<std::atomic<uint64_t>*>(place)->store(header, std::memory_order_relaxed);
}

// Every ring keeps this much free, so that the change to another ring always fits.
constexpr size_t kSwitchRoom = kSwitchRecordBytes;

}  // namespace

Producer::Producer(DirectionControl* control, CountersPage* counters, PeerBell* bell,
                   Breaker* breaker, RingMemory first)
    : control_(control),
      counters_(counters),
      bell_(bell),
      breaker_(breaker),
      ring_(std::move(first)) {
  counters_->ring_bytes.store(ring_.capacity, std::memory_order_relaxed);
}

bool Producer::RefreshTail() {
  const uint64_t tail = control_->tail.load(std::memory_order_acquire);  // SYNC(room)
  // Neither back nor beyond what was published.
  if (tail - tail_ > published_ - tail_) {
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
  if (bytes == 0 || bytes > max_record()) return nullptr;
  if (!Fits(RecordBytes(bytes) + kSwitchRoom)) {
    Add(counters_->ring_full, 1);
    return nullptr;
  }
  if (wanted_tail_.load(std::memory_order_relaxed) != 0) {
    wanted_tail_.store(0, std::memory_order_relaxed);
    control_->awaited_tail.store(0, std::memory_order_relaxed);  // relaxed: only saves a ring
  }
  reserved_ = bytes;
  return ring_.At(position_) + kRecordHeaderBytes;
}

void Producer::Commit(size_t bytes) {
  if (bytes == 0 || bytes > reserved_) return;
  StoreHeader(ring_.At(position_), PackHeader(static_cast<uint32_t>(bytes), RecordKind::kData));
  position_ += RecordBytes(bytes);
  data_end_ = position_;
  reserved_ = 0;
  ++new_records_;
  new_bytes_ += bytes;
}

void Producer::Publish() {
  if (position_ == published_) return;
  published_ = position_;
  published_data_.store(data_end_, std::memory_order_relaxed);
  control_->head.store(position_, std::memory_order_release);  // SYNC(records)
  bell_->AfterRecords();
  CountPublished();
}

void Producer::CountPublished() {
  Add(counters_->records_sent, new_records_);
  Add(counters_->bytes_sent, new_bytes_);
  new_records_ = 0;
  new_bytes_ = 0;
}

bool Producer::AwaitRoom(size_t bytes) {
  const size_t need = RecordBytes(std::min(bytes, max_record())) + kSwitchRoom;
  if (Fits(need)) return false;
  const uint64_t wanted = position_ + need - ring_.capacity;
  // relaxed: pollers of this process only compare with it.
  wanted_tail_.store(wanted, std::memory_order_relaxed);
  return Wake::AwaitTail(control_->awaited_tail, wanted, control_->tail);
}

}  // namespace samehost::shm
