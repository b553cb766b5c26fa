#include "plugin/shm/link.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "plugin/base/aside.h"
#include "plugin/base/clock.h"
#include "plugin/base/fixed_text.h"
#include "plugin/shm/frame.h"
#include "plugin/shm/layout.h"
#include "plugin/shm/link_impl.h"
#include "plugin/shm/segment.h"

namespace samehost::shm {
namespace {

// So many doorbells and frames in so little time without a single record sent or released: nobody
// honest comes near.
constexpr uint64_t kMaxDisturbances = 100'000;
constexpr uint64_t kDisturbanceNanos = 60'000'000'000;
// What an arena may grow to beside a ring of the largest size, and in any case.
constexpr uint64_t kArenaToRing = 32;
constexpr uint64_t kMaxArenaBytes = 1u << 30;
// Frames taken per call: more than fit the socket, so that an edge-triggered caller leaves none
// behind, and a bound, so that a peer that sends without end does not hold the caller.
constexpr int kFramesPerCall = 1024;

// For a counter that one thread writes at a time: no read-modify-write.
void AddOne(std::atomic<uint64_t>& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

Result<SegmentHeader> ReadHeader(int segment, uint32_t limit) {
  // By pread: a private copy that is read once, before anything is mapped.
  SegmentHeader header;
  const ssize_t got = pread(segment, &header, sizeof(header), 0);
  if (got < 0) return SystemError("read of the segment header");
  if (got != static_cast<ssize_t>(sizeof(header))) {
    return Error{ErrorCode::kProtocol, 0, "segment header: too short"};
  }
  if (Status checked = CheckHeader(header, limit); !checked.ok()) return checked.error();
  return header;
}

Result<RingMemory> MapOutgoing(int segment, const SegmentHeader& header, size_t direction) {
  Result<Mapping> mapping = Mapping::Mirrored(segment, header.data_offset[direction],
                                              header.ring_bytes[direction], {.populate = true});
  if (!mapping.ok()) return mapping.error();
  RingMemory ring;
  ring.mapping = *std::move(mapping);
  ring.capacity = header.ring_bytes[direction];
  return ring;
}

Consumer::FirstRing FirstIncoming(int segment, const SegmentHeader& header, size_t direction) {
  return {segment, header.data_offset[direction], header.ring_bytes[direction]};
}

// A link whose rings may not grow has no arena either: its memory is what was agreed on.
uint32_t ArenaBytes(const LinkOptions& options) {
  if (options.max_ring_bytes == options.initial_ring_bytes) return 0;
  return static_cast<uint32_t>(
      std::min<uint64_t>(uint64_t{options.max_ring_bytes} * kArenaToRing, kMaxArenaBytes));
}

}  // namespace

Result<std::unique_ptr<Link>> Link::Create(Side side, LinkParts parts, const LinkOptions& asked) {
  const LinkOptions options = InWholePages(asked);
  if (!parts.socket.valid()) return Error{ErrorCode::kInvalidArgument, 0, "link without a socket"};
  if (!ValidRingBytes(options.max_ring_bytes)) {
    return Error{ErrorCode::kInvalidArgument, 0, "max_ring_bytes"};
  }
  for (UniqueFd* fd :
       {&parts.segment, &parts.socket, &parts.peer_pidfd, &parts.doorbell[0], &parts.doorbell[1]}) {
    *fd = Aside(std::move(*fd));
  }
  const Result<uint64_t> bytes = SealedMemoryBytes(parts.segment.get());
  if (!bytes.ok()) return bytes.error();
  const Result<SegmentHeader> header = ReadHeader(parts.segment.get(), options.max_ring_bytes);
  if (!header.ok()) return header.error();
  if (header->segment_bytes != *bytes) {
    return Error{ErrorCode::kProtocol, 0, "segment header: not the size of the memory"};
  }
  const size_t own = side == Side::kConnecting ? 0 : 1;
  const int segment = parts.segment.get();
  Result<Mapping> control = Mapping::Shared(segment, 0, header->data_offset[0], {.populate = true});
  if (!control.ok()) return control.error();
  Result<RingMemory> outgoing = MapOutgoing(segment, *header, own);
  if (!outgoing.ok()) return outgoing.error();
  Result<RingMemory> incoming = FirstIncoming(segment, *header, 1 - own).Map();
  if (!incoming.ok()) return incoming.error();
  Result<Doorbell> doorbell = Doorbell::Create(
      std::move(parts.doorbell[own]), std::move(parts.doorbell[1 - own]), parts.socket.get());
  if (!doorbell.ok()) return doorbell.error();
  LinkImpl::Pieces pieces{.side = side,
                          .segment = std::move(parts.segment),
                          .socket = std::move(parts.socket),
                          .pidfd = std::move(parts.peer_pidfd),
                          .control = std::make_shared<const Mapping>(*std::move(control)),
                          .header = *header,
                          .outgoing = *std::move(outgoing),
                          .incoming = *std::move(incoming),
                          .max_ring_bytes = options.max_ring_bytes,
                          .max_arena_bytes = ArenaBytes(options),
                          .writable_blocks = options.writable_blocks,
                          .trusts_peer = parts.trusts_peer};
  return std::unique_ptr<Link>(std::make_unique<LinkImpl>(std::move(pieces), *std::move(doorbell)));
}

LinkImpl::LinkImpl(Pieces pieces, Doorbell doorbell)
    : fork_generation_(ForkGeneration()),
      side_(pieces.side == Side::kConnecting ? 0 : 1),
      header_(pieces.header),
      segment_(std::move(pieces.segment)),
      socket_(std::move(pieces.socket)),
      pidfd_(std::move(pieces.pidfd)),
      control_(std::move(pieces.control)),
      doorbell_(std::move(doorbell)),
      page_(Page(side_)),
      outgoing_(Direction(side_)),
      incoming_(Direction(1 - side_)),
      breaker_(socket_.get()),
      bell_(outgoing_, incoming_, &doorbell_, page_),
      inbox_(incoming_, &bell_, &breaker_, pieces.max_ring_bytes),
      // An untrusted peer could change what it has sent while it is being read.
      view_(incoming_, control_, &breaker_,
            doorbell_.shares_eventfds() ? pieces.max_arena_bytes : 0, pieces.writable_blocks),
      producer_(outgoing_, page_, &bell_, &breaker_, socket_.get(), std::move(pieces.outgoing),
                pieces.max_ring_bytes),
      consumer_(incoming_, page_, &bell_, &breaker_, &inbox_,
                FirstIncoming(segment_.get(), header_, 1 - side_), std::move(pieces.incoming),
                pieces.max_ring_bytes, doorbell_.shares_eventfds()) {
  page_->version = kCountersVersion;
  page_->bytes = sizeof(CountersPage);
  page_->started_unix_nanos = WallClockNanos();
  page_->side = static_cast<uint32_t>(side_);
  page_->pid = static_cast<uint32_t>(getpid());
  page_->peer_uid = ~0u;
  // relaxed: one number, good whenever the peer sees it.
  incoming_->max_ring_bytes.store(pieces.max_ring_bytes, std::memory_order_relaxed);
  if (pieces.trusts_peer && pieces.max_arena_bytes > 0) {
    arena_ = std::make_shared<Arena>(outgoing_, &bell_, socket_.get(), pieces.max_arena_bytes,
                                     pieces.writable_blocks);
  }
}

LinkImpl::~LinkImpl() {
  Close();
  if (arena_ != nullptr) arena_->Retire();
}

CountersPage* LinkImpl::Page(size_t side) const {
  return reinterpret_cast<CountersPage*>(control_->data() + header_.counters_offset[side]);
}

DirectionControl* LinkImpl::Direction(size_t side) const {
  return reinterpret_cast<DirectionControl*>(control_->data() + header_.control_offset[side]);
}

// ---- Producing -------------------------------------------------------------------------------

std::byte* LinkImpl::Reserve(size_t bytes) { return forked() ? nullptr : producer_.Reserve(bytes); }

void LinkImpl::Commit(size_t bytes) {
  if (!forked()) producer_.Commit(bytes);
}

void LinkImpl::Publish() {
  if (forked()) return;
  producer_.Publish();
  HasCome();
}

// SUBTLE: the word itself is not looked at each time, because the peer may have its cache line.
void LinkImpl::HasCome() {
  if (arena_ == nullptr || !arena_->TakeAnnounced()) return;
  outgoing_->coming.store(0, std::memory_order_relaxed);  // relaxed: a hint
}

bool LinkImpl::SendMessage(std::span<const std::byte> head, std::span<const std::byte> body) {
  if (forked() || !producer_.Send(head, body)) return false;
  AddOne(page_->messages_sent);
  HasCome();
  return true;
}

bool LinkImpl::AwaitRoom(size_t bytes) { return forked() || producer_.AwaitRoom(bytes); }

void LinkImpl::WantRingBytes(size_t bytes) {
  if (!forked()) producer_.WantRingBytes(bytes);
}

bool LinkImpl::TrimIdle() {
  if (forked()) return true;
  const bool ring = producer_.TrimIdle();
  const bool blocks = arena_ == nullptr || arena_->Trim();
  return ring && blocks && view_.memory_bytes() == 0;
}

bool LinkImpl::LendBlock(const BlockReference& reference) {
  if (forked() || arena_ == nullptr || !arena_->Lend(reference.block)) return false;
  CountBlockSent(reference);
  return true;
}

std::optional<BlockReference> LinkImpl::SendBack(Lease* lease, std::span<const std::byte> bytes) {
  if (forked()) return std::nullopt;
  const std::optional<BlockReference> reference = view_.SendBack(lease, bytes);
  if (reference.has_value()) CountBlockSent(*reference);
  return reference;
}

void LinkImpl::CountBlockSent(const BlockReference& reference) {
  // relaxed: counters.
  page_->blocks_lent.fetch_add(1, std::memory_order_relaxed);
  page_->bytes_sent.fetch_add(reference.length, std::memory_order_relaxed);
}

// ---- Consuming -------------------------------------------------------------------------------

Link::Take LinkImpl::Next(Record* record) {
  return forked() ? Take::kBroken : consumer_.Next(record);
}

void LinkImpl::Done(const Record& record) {
  if (!forked()) consumer_.Done(record);
}

void LinkImpl::FlushDone() {
  if (!forked()) consumer_.FlushDone();
}

Lease LinkImpl::Lend(const Record& record) { return forked() ? Lease() : consumer_.Lend(record); }

Borrowed LinkImpl::Borrow(const BlockReference& reference) {
  if (forked()) return {};
  Borrowed borrowed = view_.Borrow(reference);
  // relaxed: a counter.
  page_->bytes_received.fetch_add(borrowed.bytes.size(), std::memory_order_relaxed);
  return borrowed;
}

std::span<std::byte> LinkImpl::TakeBack(const BlockReference& reference) {
  if (forked() || arena_ == nullptr || reference.length == 0) return {};
  const std::optional<Arena::Block> block = arena_->TakeBack(reference.block);
  if (!block.has_value()) return {};
  if (reference.length > block->size || reference.offset > block->size - reference.length) {
    arena_->Free(block->number);
    return {};
  }
  page_->bytes_received.fetch_add(reference.length, std::memory_order_relaxed);  // a counter
  return {block->data + reference.offset, reference.length};
}

const Error& LinkImpl::broken() const {
  static const Error* const fork_error =
      new Error{ErrorCode::kRefused, 0, "this process is a fork of the link's owner"};
  static const Error* const none = new Error{ErrorCode::kClosed, 0, "link is not broken"};
  if (forked()) return *fork_error;
  return breaker_.broken() ? breaker_.error() : *none;
}

// ---- Waiting ---------------------------------------------------------------------------------

void LinkImpl::SetWatch(Watch watch) {
  if (forked()) return;
  // release: whoever sees the word sees what was done before it; nobody depends on more.
  incoming_->watch.store(static_cast<uint32_t>(watch), std::memory_order_release);
}

bool LinkImpl::ArmDoorbell(bool only_if_busy) {
  if (forked()) return true;
  const auto anything = [this] { return HasInput() || HasRoom() || consumer_.LeasesStopPeer(); };
  return only_if_busy ? Wake::ArmIfBusy(incoming_->watch, anything)
                      : Wake::Arm(incoming_->watch, anything);
}

bool LinkImpl::ArmFor(uint32_t what) {
  if (forked()) return true;
  return Wake::ArmAndStay(incoming_->watch, [this, what] {
    // relaxed: who asks for messages has set it.
    const uint64_t awaited = awaited_messages_.load(std::memory_order_relaxed);
    return ((what & kForInput) != 0 && (HasInput() || consumer_.LeasesStopPeer())) ||
           ((what & kForRoom) != 0 && HasRoom()) ||
           ((what & kForMessages) != 0 && awaited != 0 && MessagesTakenByPeer() >= awaited);
  });
}

void LinkImpl::AwaitMessagesTaken(uint64_t messages) {
  if (forked()) return;
  // Kept here as well: the peer can write the shared word.
  awaited_messages_.store(messages, std::memory_order_relaxed);
  // relaxed: ArmFor() comes after it, with a fence. SYNC(sleep)
  outgoing_->awaited_messages.store(messages, std::memory_order_relaxed);
}

void LinkImpl::RingIfBusy() {
  if (!forked() && !PeerCaughtUp()) bell_.RingBusy();
}

void LinkImpl::RingSelf() {
  if (forked()) return;
  // relaxed: see DrainDoorbell().
  rang_self_.store(true, std::memory_order_relaxed);
  doorbell_.RingSelf();
}

void LinkImpl::DrainDoorbell() {
  if (forked() || !doorbell_.Drain()) return;
  // Own rings are no disturbance. relaxed: a rough measure.
  if (!rang_self_.exchange(false, std::memory_order_relaxed)) CountDisturbance();
}

void LinkImpl::CountDisturbance() {
  // relaxed: a rough measure. What this side has read and written, since words of the peer's may
  // change without end.
  const uint64_t progress = consumer_.position() + producer_.position();
  const bool quiet = last_progress_.exchange(progress, std::memory_order_relaxed) == progress;
  const uint64_t count = quiet ? disturbances_.fetch_add(1, std::memory_order_relaxed) : 0;
  if (count == 0) {
    disturbances_.store(1, std::memory_order_relaxed);
    disturbed_since_.store(MonotonicNanos(), std::memory_order_relaxed);
  } else if (count >= kMaxDisturbances) {
    disturbances_.store(0, std::memory_order_relaxed);
    const uint64_t took = MonotonicNanos() - disturbed_since_.load(std::memory_order_relaxed);
    if (took < kDisturbanceNanos) breaker_.Violation("doorbells without end and without a reason");
  }
}

Status LinkImpl::OnSocketReadable() {
  if (forked()) return Error{ErrorCode::kClosed, 0, "link in a forked process"};
  for (int taken = 0; taken < kFramesPerCall && !breaker_.broken(); ++taken) {
    Result<ReceivedFrame> received = ReceiveFrame(socket_.get());
    if (!received.ok()) {
      if (received.error().code == ErrorCode::kProtocol) breaker_.Break(received.error());
      return breaker_.broken() ? breaker_.error() : received.error();
    }
    if (received->empty) break;
    CountDisturbance();
    switch (received->frame.type) {
      case FrameType::kDoorbell:
        break;
      case FrameType::kRing:
        inbox_.Receive(*std::move(received));
        break;
      case FrameType::kBlock:
        view_.Receive(*std::move(received));
        CountPeerBlocks();
        break;
      case FrameType::kDropBlock:
        view_.Drop(received->frame.generation);
        CountPeerBlocks();
        break;
      default:
        breaker_.Violation("type of a frame");
    }
  }
  if (breaker_.broken()) return breaker_.error();
  return {};
}

void LinkImpl::Close() {
  // The socket's end belongs to the parent process.
  if (!forked() && socket_.Intact()) shutdown(socket_.get(), SHUT_RDWR);
}

// ---- Counters --------------------------------------------------------------------------------

void LinkImpl::Describe(const Description& description) {
  if (forked()) return;
  page_->peer_uid = description.peer_uid;
  page_->peer_pid = description.peer_pid;
  CopyText(page_->protocol, description.protocol);
  CopyText(page_->name, description.name);
}

// relaxed, all of them: counters.
void LinkImpl::CountMessageSent() {
  if (!forked()) AddOne(page_->messages_sent);
}

void LinkImpl::CountMessageReceived() {
  if (!forked()) AddOne(page_->messages_received);
}

void LinkImpl::CountSleep() {
  if (!forked()) page_->sleeps.fetch_add(1, std::memory_order_relaxed);
}

void LinkImpl::CountSpin(bool paid) {
  if (forked()) return;
  (paid ? page_->spins_succeeded : page_->spins_failed).fetch_add(1, std::memory_order_relaxed);
}

void LinkImpl::CountPeerBlocks() {
  page_->peer_block_bytes.store(view_.memory_bytes(), std::memory_order_relaxed);
}

CounterValues LinkImpl::counters() const {
  const auto get = [](const std::atomic<uint64_t>& counter) {
    return counter.load(std::memory_order_relaxed);
  };
  return {.messages_sent = get(page_->messages_sent),
          .messages_received = get(page_->messages_received),
          .bytes_sent = get(page_->bytes_sent),
          .bytes_received = get(page_->bytes_received),
          .records_sent = get(page_->records_sent),
          .records_received = get(page_->records_received),
          .doorbells_rung = get(page_->doorbells_rung),
          .doorbells_deferred = get(page_->doorbells_deferred),
          .sleeps = get(page_->sleeps),
          .spins_succeeded = get(page_->spins_succeeded),
          .spins_failed = get(page_->spins_failed),
          .ring_full = get(page_->ring_full),
          .blocks_lent = get(page_->blocks_lent),
          .ring_bytes = get(page_->ring_bytes)};
}

size_t LinkImpl::memory_bytes() const {
  if (forked()) return 0;  // another thread of the parent may have held a lock
  return BackedBytes(segment_.get()) + producer_.memory_bytes() + inbox_.memory_bytes() +
         consumer_.memory_bytes() + view_.memory_bytes() +
         (arena_ == nullptr ? 0 : arena_->memory_bytes());
}

}  // namespace samehost::shm
