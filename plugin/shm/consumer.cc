#include "plugin/shm/consumer.h"

#include "plugin/base/clock.h"
#include "plugin/shm/segment.h"

namespace samehost::shm {
namespace {

// How long leases may stop the peer before they are copied away: longer than most users keep a
// message, shorter than anybody notices.
constexpr uint64_t kPatienceNanos = 500'000;

void Add(std::atomic<uint64_t>& counter, uint64_t amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace

Result<RingMemory> Consumer::FirstRing::Map() const {
  Result<Mapping> mapping = Mapping::Mirrored(segment, offset, capacity,
                                              {.access = Mapping::Access::kRead, .populate = true});
  if (!mapping.ok()) return mapping.error();
  RingMemory ring;
  ring.mapping = *std::move(mapping);
  ring.capacity = capacity;
  return ring;
}

Consumer::Consumer(DirectionControl* control, CountersPage* counters, PeerBell* bell,
                   Breaker* breaker, RingInbox* inbox, FirstRing first, RingMemory first_memory,
                   uint32_t max_ring_bytes, bool may_lend)
    : control_(control),
      tail_(control),
      counters_(counters),
      bell_(bell),
      breaker_(breaker),
      inbox_(inbox),
      first_(first),
      max_ring_bytes_(max_ring_bytes),
      may_lend_(may_lend) {
  UseLender(new Lender(std::move(first_memory), &tail_, bell_));
}

Consumer::~Consumer() {
  for (Lender* lender : {lender_, first_lender_}) {
    if (lender == nullptr) continue;
    lender->Retire();
    lender->Unref();
  }
}

void Consumer::SetRead(uint64_t position) {
  // relaxed, both: pollers only compare and prefetch.
  read_.store(position, std::memory_order_relaxed);
  next_place_.store(data_ + (position & (capacity_ - 1)), std::memory_order_relaxed);
}

Link::Take Consumer::Broken(const char* rule) {
  breaker_->Violation(rule);
  return Link::Take::kBroken;
}

// What is unread lies in this ring and at most one other. The head is told after the records, so it
// may be behind.
bool Consumer::Plausible(uint64_t head, uint64_t read) const {
  const uint64_t most = uint64_t{capacity_} + max_ring_bytes_;
  return head - read + most <= 2 * most && head % kRecordAlignment == 0;
}

Link::Take Consumer::Next(Record* record) {
  for (;;) {
    if (breaker_->broken()) return Link::Take::kBroken;
    const uint64_t read = read_.load(std::memory_order_relaxed);  // relaxed: own
    const std::byte* place = data_ + (read & (capacity_ - 1));
    uint64_t header = LoadWord(place);
    if (header == 0) {
      const uint64_t head = control_->head.load(std::memory_order_acquire);  // SYNC(records)
      if (!Plausible(head, read)) return Broken("head of the peer");
      if (!Ahead(head, read)) return Empty();
      header = LoadWord(place);  // what is before the head can be seen
    }
    const uint32_t length = static_cast<uint32_t>(header);
    const uint32_t kind = static_cast<uint32_t>(header >> 32);
    // The mirror makes every record of up to a quarter of the ring contiguous.
    if (length == 0 || length > capacity_ / 4) return Broken("length of a record");
    if (kind == static_cast<uint32_t>(RecordKind::kSwitch)) {
      const Link::Take taken = TakeSwitch(place + kRecordHeaderBytes, length);
      if (taken != Link::Take::kRecord) return taken;
      continue;
    }
    if (kind != static_cast<uint32_t>(RecordKind::kData)) return Broken("kind of a record");
    record->bytes = {place + kRecordHeaderBytes, length};
    record->end = read + RecordBytes(length);
    record->generation = lender_->memory().generation;
    SetRead(record->end);
    ++new_records_;
    new_bytes_ += length;
    return Link::Take::kRecord;
  }
}

Link::Take Consumer::Empty() {
  FlushDone();
  if (lending_) DetachLeases();
  return breaker_->broken() ? Link::Take::kBroken : Link::Take::kEmpty;
}

void Consumer::Done(const Record& record) {
  done_ = record.end;
  if (done_ - flushed_ >= capacity_ / 4) FlushDone();
}

Lease Consumer::Lend(const Record& record) {
  if (!may_lend_ || lender_ == nullptr) return Lease();
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
  if (done_ == flushed_ && !messages_new_) return;
  flushed_ = done_;
  Add(counters_->records_received, new_records_);
  Add(counters_->bytes_received, new_bytes_);
  new_records_ = 0;
  new_bytes_ = 0;
  taken_.store(done_, std::memory_order_relaxed);           // relaxed: see LeasesStopPeer()
  control_->taken.store(done_, std::memory_order_release);  // SYNC(taken)
  messages_new_ = false;
  if (lending_) {
    lending_ = lender_->Flush(done_);
    bell_->AfterTaken(0, messages_);
    return;
  }
  tail_.Publish(done_);
  bell_->AfterTaken(done_, messages_);
}

// ---- Leases that are kept for long -----------------------------------------------------------

bool Consumer::LeasesStopPeer() const {
  // relaxed: when it follows ArmDoorbell's fence, either this sees the peer's wish or the peer sees
  // that this side sleeps and rings (Producer::AwaitRoom). SYNC(sleep)
  const uint64_t awaited = control_->awaited_tail.load(std::memory_order_relaxed);
  return awaited != 0 && awaited <= taken_.load(std::memory_order_relaxed) &&
         awaited > tail_.position() && !cannot_detach_.load(std::memory_order_relaxed);
}

void Consumer::DetachLeases() {
  if (!LeasesStopPeer()) {
    stopped_since_ = 0;
    return;
  }
  const uint64_t now = MonotonicNanos();
  if (stopped_since_ == 0) stopped_since_ = now;
  // A record that was read and not given back points into this mapping as well.
  if (now - stopped_since_ < kPatienceNanos || !NothingOutstanding()) return;
  stopped_since_ = 0;
  const bool first = lender_->memory().generation == 0;
  const int fd = first ? first_.segment : ring_fd_.get();
  const uint64_t offset = first ? first_.offset : 0;
  Result<Mapping> mapping =
      Mapping::Mirrored(fd, offset, capacity_, {.access = Mapping::Access::kRead});
  if (!mapping.ok()) {
    // The leases stop the peer until they come back; trying on and on would only burn time.
    cannot_detach_.store(true, std::memory_order_relaxed);  // relaxed: a switch of its own
    return;
  }
  if (Status detached = lender_->Detach(fd, offset); !detached.ok()) {
    return breaker_->Break(detached.error());
  }
  RingMemory memory;
  memory.mapping = *std::move(mapping);
  memory.capacity = capacity_;
  memory.generation = lender_->memory().generation;
  lender_->Unref();
  UseLender(new Lender(std::move(memory), &tail_, bell_));
  tail_.Publish(done_);
  bell_->AfterRoom(done_);
}

// ---- Other rings -----------------------------------------------------------------------------

Link::Take Consumer::TakeSwitch(const std::byte* place, uint32_t length) {
  if (length != sizeof(SwitchPayload)) return Broken("length of a switch");
  // What was read and not given back still belongs to the ring that is about to be left.
  if (!NothingOutstanding()) return Empty();
  const uint32_t generation = static_cast<uint32_t>(LoadWord(place));
  if (generation == lender_->memory().generation) return Broken("switch to the same ring");
  if (generation == 0) {
    if (!UseFirstRing()) return Link::Take::kBroken;
  } else {
    std::optional<RingMemory> memory = inbox_->Take(generation);
    if (!memory.has_value()) return Broken("switch to a ring that was not offered");
    if (!Use(*std::move(memory))) return Link::Take::kBroken;
  }
  done_ += kSwitchRecordBytes;
  SetRead(done_);
  return Link::Take::kRecord;
}

void Consumer::UseLender(Lender* lender) {
  lender_ = lender;
  data_ = lender->memory().mapping.data();
  capacity_ = lender->memory().capacity;
  lending_ = false;
}

bool Consumer::UseFirstRing() {
  LeaveRing();
  if (breaker_->broken()) return false;
  {
    std::lock_guard lock(memory_mutex_);
    ring_fd_.Reset();
  }
  if (first_lender_ != nullptr) {
    UseLender(std::exchange(first_lender_, nullptr));
    return true;
  }
  Result<RingMemory> memory = first_.Map();
  if (!memory.ok()) {
    breaker_->Break(memory.error());
    return false;
  }
  UseLender(new Lender(*std::move(memory), &tail_, bell_));
  return true;
}

bool Consumer::Use(RingMemory memory) {
  LeaveRing();
  if (breaker_->broken()) return false;
  {
    std::lock_guard lock(memory_mutex_);
    ring_fd_ = std::move(memory.fd);
  }
  UseLender(new Lender(std::move(memory), &tail_, bell_));
  return true;
}

// Leases on the ring that is left no longer hold the tail. A grown ring is never written again; the
// first one is, so its leases get copies.
void Consumer::LeaveRing() {
  Lender* const left = std::exchange(lender_, nullptr);
  lending_ = false;
  const bool first = left->memory().generation == 0;
  if (first && !left->HasLoans()) {
    first_lender_ = left;
    return;
  }
  if (first) {
    if (Status done = left->Detach(first_.segment, first_.offset); !done.ok()) {
      breaker_->Break(done.error());
    }
  } else {
    left->Retire();
  }
  left->Unref();
}

size_t Consumer::memory_bytes() const {
  std::lock_guard lock(memory_mutex_);
  return BackedBytes(ring_fd_.get());
}

}  // namespace samehost::shm
