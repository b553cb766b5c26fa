#include "plugin/shm/consumer.h"

namespace samehost::shm {
namespace {

uint64_t LoadHeader(const std::byte* place) {
  // relaxed: ordered by the head. Atomic, so that it is read exactly once.
  return reinterpret_cast<const std::atomic<uint64_t>*>(place)->load(std::memory_order_relaxed);
}

void Add(std::atomic<uint64_t>& counter, uint64_t amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace

Consumer::Consumer(DirectionControl* control, CountersPage* counters, PeerBell* bell,
                   Breaker* breaker, RingMemory first, uint32_t max_ring_bytes, bool may_lend)
    : control_(control),
      counters_(counters),
      bell_(bell),
      breaker_(breaker),
      max_ring_bytes_(max_ring_bytes),
      may_lend_(may_lend),
      lender_(new Lender(std::move(first), control, bell)),
      data_(lender_->memory().mapping.data()),
      capacity_(lender_->memory().capacity) {}

Consumer::~Consumer() {
  lender_->Retire();
  lender_->Unref();
}

Link::Take Consumer::Broken(const char* rule) {
  breaker_->Violation(rule);
  return Link::Take::kBroken;
}

bool Consumer::RefreshHead() {
  const uint64_t head = control_->head.load(std::memory_order_acquire);  // SYNC(records)
  const uint64_t read = read_.load(std::memory_order_relaxed);           // relaxed: own
  // What is unread lies in this ring and at most one larger one.
  if (head - read > uint64_t{capacity_} + max_ring_bytes_ || head % kRecordAlignment != 0) {
    breaker_->Violation("head of the peer");
    return false;
  }
  head_ = head;
  return true;
}

Link::Take Consumer::Next(Record* record) {
  if (breaker_->broken()) return Link::Take::kBroken;
  const uint64_t read = read_.load(std::memory_order_relaxed);  // relaxed: own
  if (read == head_) {
    if (!RefreshHead()) return Link::Take::kBroken;
    if (read == head_) {
      FlushDone();
      return Link::Take::kEmpty;
    }
  }
  const std::byte* place = data_ + (read & (capacity_ - 1));
  const uint64_t header = LoadHeader(place);
  const uint32_t length = static_cast<uint32_t>(header);
  const uint32_t kind = static_cast<uint32_t>(header >> 32);
  // The mirror makes every record of up to a quarter of the ring contiguous.
  if (length == 0 || length > capacity_ / 4) return Broken("length of a record");
  if (RecordBytes(length) > head_ - read) return Broken("record beyond the head");
  if (kind != static_cast<uint32_t>(RecordKind::kData)) return Broken("kind of a record");
  record->bytes = {place + kRecordHeaderBytes, length};
  record->end = read + RecordBytes(length);
  record->generation = lender_->memory().generation;
  read_.store(record->end, std::memory_order_relaxed);  // relaxed: pollers only compare with it
  ++new_records_;
  new_bytes_ += length;
  return Link::Take::kRecord;
}

void Consumer::Done(const Record& record) {
  done_ = record.end;
  if (done_ - flushed_ >= capacity_ / 4) FlushDone();
}

Lease Consumer::Lend(const Record& record) {
  if (!may_lend_) return Lease();
  // Nothing is lent yet: from here on only the lender writes the tail, so it must be up to date.
  if (!lending_) FlushDone();
  const uint64_t start = record.end - RecordBytes(record.bytes.size());
  Lease lease = lender_->Lend(start, record.end, done_);
  if (lease.valid()) {
    lending_ = true;
    done_ = record.end;
  }
  return lease;
}

void Consumer::FlushDone() {
  if (done_ == flushed_) return;
  flushed_ = done_;
  Add(counters_->records_received, new_records_);
  Add(counters_->bytes_received, new_bytes_);
  new_records_ = 0;
  new_bytes_ = 0;
  control_->taken.store(done_, std::memory_order_release);  // SYNC(taken)
  if (lending_) {
    lending_ = lender_->Flush(done_);
    return;
  }
  control_->tail.store(done_, std::memory_order_release);  // SYNC(room)
  bell_->AfterRoom(done_);
}

}  // namespace samehost::shm
