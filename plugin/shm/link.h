// Link: one connection between two processes over shared memory. Two single-producer
// single-consumer rings of records (one each way), a doorbell each way, counters, and the
// descriptors by which either side learns that the other died.
//
// Owner: the transport that runs over it, through unique_ptr. Leases and the counters page keep
// the memory alive on their own.
// Threads: the producing calls are one thread at a time (the transport's write lock), the consuming
// calls are one thread at a time (the transport's read lock); the two may run at once. What may be
// called from any thread at any time says so.
// Failure: the peer is hostile or dead. Nothing it writes can make a call here crash, block or
// read outside the mapping; a violated rule makes Next() answer kBroken for good.
// Fork: a child process may keep and release leases and destroy its copy of the Link, which then
// touches nothing that is shared; every other call in the child does nothing and answers
// "no room" / kBroken. Two processes never write one ring.
#ifndef SAMEHOST_PLUGIN_SHM_LINK_H_
#define SAMEHOST_PLUGIN_SHM_LINK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "plugin/base/result.h"
#include "plugin/base/unique_fd.h"

namespace samehost::shm {

class Arena;

struct LinkOptions {
  // Initial data bytes of each ring: a power of two. Where pages are larger (64 KiB on some arm64
  // kernels), a page (InWholePages).
  uint32_t initial_ring_bytes = 32 * 1024;
  // A ring never grows beyond this. Power of two. Equal to initial_ring_bytes: it never grows.
  uint32_t max_ring_bytes = 2 * 1024 * 1024;
  // Whether a receiver may write into the blocks that it borrows (its users own what they receive).
  // Both sides of a protocol say the same. What is in a block then belongs to the receiver alone
  // until it is given back; the sender writes blocks and never reads them.
  bool writable_blocks = false;
};

// The options that a link follows when it is asked for these: a ring of less than a page becomes a
// page. A size that is no power of two stays, and is refused by MakeParts.
LinkOptions InWholePages(LinkOptions options);

// Everything the connecting side makes and the accepting side receives (by SCM_RIGHTS).
// `doorbell[0]` wakes the connecting side, `doorbell[1]` the accepting side; both are eventfds, and
// both are invalid (-1) when the two sides do not trust each other (trusts_peer): then the socket
// itself carries the doorbell, because an eventfd shared with an untrusted peer can be made to
// block its writer; and nothing that the peer has sent is used in place, because it could change
// it.
struct LinkParts {
  UniqueFd segment;  // sealed memfd
  UniqueFd doorbell[2];
  // The rendezvous connection, stays open for the life of the link: AF_UNIX, SOCK_SEQPACKET (or
  // SOCK_STREAM), nothing unread in it. It may block: every call here uses MSG_DONTWAIT.
  UniqueFd socket;
  // The peer could read this process's memory anyway, so nothing is given away when it sees bytes
  // of a message that was meant for somebody else: it may be given blocks of an arena.
  bool trusts_peer = false;
  UniqueFd peer_pidfd;  // may be invalid (old kernel, or a peer that is not visible in this PID
                        // namespace)
};

// One record in the ring. `bytes` points into shared memory that the peer can still change:
// read each byte once, or copy first.
struct Record {
  std::span<const std::byte> bytes;
  uint64_t end = 0;         // position behind the record; opaque to the user
  uint32_t generation = 0;  // which ring; opaque
};

class Lease;
struct Borrowed;

// Bytes of a message that lie in a block of the sender's arena, as the transport tells the peer.
struct BlockReference {
  uint32_t block = 0;
  uint32_t offset = 0;
  uint32_t length = 0;
  uint32_t reserved = 0;
};

// A point-in-time copy of one side's counters; all since the link was made.
struct CounterValues {
  uint64_t messages_sent = 0, messages_received = 0;  // counted by the transport (CountMessage*)
  uint64_t bytes_sent = 0, bytes_received = 0;        // of messages, through the rings or lent
  uint64_t records_sent = 0, records_received = 0;
  uint64_t doorbells_rung = 0, doorbells_deferred = 0;
  uint64_t sleeps = 0, spins_succeeded = 0, spins_failed = 0;
  uint64_t ring_full = 0;    // times Reserve found no room
  uint64_t blocks_lent = 0;  // times that bytes of a message were sent where they lay (LendBlock)
  uint64_t ring_bytes = 0;   // present capacity of the ring this side produces into
};

class Link {
 public:
  enum class Side { kConnecting, kAccepting };
  enum class Take { kRecord, kEmpty, kBroken };

  // Makes segment (memfd, sealed, backed by fallocate after a look at the memory headroom) and
  // doorbells. The caller adds socket and pidfd. `share_eventfds`: whether eventfds may be shared
  // with the peer. Errors: kNoMemory, kSystem, kUnsupported, kInvalidArgument.
  static Result<LinkParts> MakeParts(const LinkOptions& asked, bool share_eventfds);

  // Maps the parts and checks every property of what the peer made (seals, size, plain tmpfs,
  // header, version, capacities). Errors: kProtocol, kVersion, kSystem, kNoMemory.
  static Result<std::unique_ptr<Link>> Create(Side side, LinkParts parts, const LinkOptions& asked);
  virtual ~Link() = default;

  // ---- Producing (one thread at a time) ----------------------------------------------------

  // Largest payload of one record now: a quarter of the ring. Grows with the ring.
  virtual size_t max_record() const = 0;
  // Contiguous room for a record of up to `bytes` <= max_record(), or nullptr when the ring is
  // full (counted). What was committed before may become visible now, nobody is told of it before
  // Publish().
  virtual std::byte* Reserve(size_t bytes) = 0;
  // Ends the reserved record with its real size, 0 < bytes <= reserved.
  virtual void Commit(size_t bytes) = 0;
  // Makes all committed records visible and rings the doorbell when the peer sleeps.
  virtual void Publish() = 0;
  // Reserve(), Commit() and Publish() of one small record, and CountMessageSent(). The record's
  // size is rounded up to a multiple of 8. False: there was no room, nothing was done.
  virtual bool SendMessage(std::span<const std::byte> head, std::span<const std::byte> body) = 0;
  // After Reserve() gave nullptr: asks the peer to ring this side's doorbell once there is room.
  // True when asked (wait for the doorbell, or poll HasRoom()); false when there is room by now.
  // The doorbell rings only when this side is kAsleep or kBusy by then: with kWatched whoever looks
  // at HasInput() must look at HasRoom() as well. ArmDoorbell() looks at both before it sleeps.
  virtual bool AwaitRoom(size_t bytes) = 0;
  // Whether an awaited room has come. Any thread; cheap (one shared load).
  virtual bool HasRoom() const = 0;
  // The traffic would like a ring of at least `bytes`: starts to grow towards it (a new sealed
  // memfd sent over the socket; used once the peer has mapped it, records stay in order). Never
  // blocks; free to be ignored (memory short, at the maximum, growth under way). Call from the
  // producing thread.
  virtual void WantRingBytes(size_t bytes) = 0;
  // Gives the memory of an idle, grown ring back (keeps the small one); the next record takes what
  // it needs again or uses the small ring. For use after some hundred ms without traffic. False:
  // a ring or blocks of either side's arena are in use still; try again.
  virtual bool TrimIdle() = 0;
  // How many messages the peer says that it has taken (SetMessagesTaken). Any thread; not checked.
  virtual uint64_t MessagesTakenByPeer() const = 0;
  // Asks the peer to ring this side's doorbell once it has taken so many; 0: no longer. As with
  // AwaitRoom(): the doorbell rings only when this side is kAsleep or kBusy by then (ArmFor).
  virtual void AwaitMessagesTaken(uint64_t messages) = 0;
  // Where messages for this peer may be written before they are sent; null when the peer is not
  // trusted so far. Lives on after the link, of no further use. Any thread.
  virtual const std::shared_ptr<Arena>& arena() const = 0;
  // The bytes at `reference`, whose block has a local owner, are about to be sent by a record that
  // refers to them. False: copy them instead. Producing thread.
  virtual bool LendBlock(const BlockReference& reference) = 0;
  // `bytes`, which `lease` (of Borrow()) keeps, are about to be sent back by a record that says how
  // the peer calls them: the lease is over without the block's having been given back. Nothing:
  // they are no bytes of the peer's; copy them. The record must be published. Producing thread.
  virtual std::optional<BlockReference> SendBack(Lease* lease,
                                                 std::span<const std::byte> bytes) = 0;

  // ---- Consuming (one thread at a time) ----------------------------------------------------

  // The next unread record. Every record must be given back, in the order they came in: by Done()
  // or by Lend(). (Done() after a successful Lend() does no harm and changes nothing.)
  // Records given back by Done() become room for the peer at the latest with Next()==kEmpty or
  // FlushDone().
  virtual Take Next(Record* record) = 0;
  virtual void Done(const Record& record) = 0;
  // Makes room of what was Done() visible to the peer; rings when it waits for room.
  virtual void FlushDone() = 0;
  // Keeps the record's memory until the Lease dies (any thread, any order, after the Link as
  // well). Invalid lease when too much is lent already (half the ring) or eventfds are not shared:
  // copy instead, then Done(). A lease that is kept for long does not stop the peer: its bytes are
  // moved to private pages under the same address when the peer needs the room.
  virtual Lease Lend(const Record& record) = 0;
  // Where whole messages are counted (as ZeroMQ's high-water marks do): this side has taken so
  // many. The peer can see it at once, but is rung only with the next FlushDone() or
  // Next()==kEmpty.
  virtual void SetMessagesTaken(uint64_t messages) = 0;
  // The bytes that a record of the peer refers to; invalid lease: the peer broke the rules.
  virtual Borrowed Borrow(const BlockReference& reference) = 0;
  // The same for a record of bytes that were lent to the peer, who sends them back (SendBack()).
  // Their block has a local owner again: Arena::Free(). Empty: the peer broke the rules.
  virtual std::span<std::byte> TakeBack(const BlockReference& reference) = 0;
  // After kBroken: which rule the peer violated.
  virtual const Error& broken() const = 0;

  // The end of what the peer has published, to be compared with Record::end. Any thread; not
  // checked.
  virtual uint64_t InputEnd() const = 0;
  // Whether Next() would answer something else than kEmpty. Any thread; one shared load.
  virtual bool HasInput() const = 0;
  // The same, but for the consuming thread only, and sooner: what to look at while spinning.
  virtual bool InputHere() const = 0;
  // Whether the peer has announced a record that has not come: a number that stands for it, or 0.
  // Any thread; only a hint.
  virtual uint32_t AnnouncedInput() const = 0;
  // Whether the peer had to be woken since this was asked last: it may need the very processor that
  // the caller is about to wait on. Any thread; only a hint.
  virtual bool TakePeerWoken() = 0;
  // When the peer rang last, in monotonic nanoseconds; 0: never. What the peer says: bound it. Any
  // thread; only a hint.
  virtual uint64_t RungAtNanos() const = 0;
  // And on which processor; -1: not known.
  virtual int RungOnProcessor() const = 0;
  // Whether the peer has taken everything that this side published. Any thread.
  virtual bool PeerCaughtUp() const = 0;

  // ---- Waiting ------------------------------------------------------------------------------
  // The state of this side as the peer's Publish() sees it. Any thread.
  //  kWatched: somebody looks at HasInput() all the time, or nobody wants to be woken: no doorbell.
  //  kBusy: whoever looked has gone to run a handler and will be back; no doorbell, but a peer
  //         that waits in vain may ring (RingIfBusy), and this side's watchman looks after it.
  //  kAsleep: ring the doorbell with the next record (once; ringing goes back to kWatched).
  enum class Watch : uint32_t { kWatched = 0, kBusy = 1, kAsleep = 2 };
  virtual void SetWatch(Watch watch) = 0;  // kWatched or kBusy
  // Arms the doorbell. False when input or awaited room came in the meantime: not armed (kWatched),
  // go and call Next() (even when HasInput() is false by then), and write what waits for room.
  // With only_if_busy it acts only while the state is kBusy (the watchman's call); true when not
  // busy.
  virtual bool ArmDoorbell(bool only_if_busy = false) = 0;
  // Arms the doorbell for some of it only (kFor...): false when one of these has come. It stays
  // armed then, too, because another thread of this side may have armed it for something else. It
  // may ring for anything.
  static constexpr uint32_t kForInput = 1, kForRoom = 2, kForMessages = 4;
  virtual bool ArmFor(uint32_t what) = 0;
  // For a sender that has waited in vain: rings when the peer is kBusy and has unread records.
  virtual void RingIfBusy() = 0;
  // Rings this side's own doorbell, to get a sleeping poller of this process to look.
  virtual void RingSelf() = 0;
  // The descriptor that becomes readable when this side's doorbell rings: an eventfd, always there.
  // Where eventfds are not shared only RingSelf() rings it, and the peer's doorbell makes
  // socket_fd() readable. Edge-triggered polling needs no reading; DrainDoorbell() is for
  // level-triggered.
  virtual int doorbell_fd() const = 0;
  virtual void DrainDoorbell() = 0;
  // The socket: becomes readable on ring growth, on a doorbell (no eventfds shared), on the peer's
  // end.
  virtual int socket_fd() const = 0;
  // Whether the two sides trust each other and share eventfds: otherwise the peer's doorbell
  // arrives at socket_fd().
  virtual bool shares_eventfds() const = 0;
  virtual int pidfd() const = 0;  // readable when the peer process has died; -1 when there is none
  // Call when the socket is readable. Takes messages in; never blocks. kClosed error: the peer has
  // gone (records already in the ring can still be read: drain first). kProtocol: it misbehaved.
  // Any one thread at a time; may run beside producing and consuming.
  virtual Status OnSocketReadable() = 0;
  // Tells the peer that this side has ended (shutdown of the socket). Idempotent, any thread.
  virtual void Close() = 0;

  // ---- Counters (any thread) ----------------------------------------------------------------
  // Who is at the other end, for the `samehost` command; not used otherwise. Optional, once.
  struct Description {
    std::string protocol;     // "grpc", "zmq"; 15 bytes are kept
    std::string name;         // what this connection is, for people; 71 bytes are kept
    uint32_t peer_uid = ~0u;  // ~0: not known
    uint32_t peer_pid = 0;    // 0: not visible
  };
  virtual void Describe(const Description& description) = 0;
  virtual void CountMessageSent() = 0;      // the producing thread
  virtual void CountMessageReceived() = 0;  // the consuming thread
  virtual void CountSleep() = 0;
  virtual void CountSpin(bool paid) = 0;
  virtual CounterValues counters() const = 0;
  // Bytes of shared memory that this link now has mapped and backed (both directions).
  virtual size_t memory_bytes() const = 0;
};

// Keeps one record's memory. Move-only. Destroying or Reset() may happen on any thread, after the
// Link is gone, and in a forked child (where it only drops the child's own mapping).
class Lease {
 public:
  // What a lease is made of; implemented by the link.
  class Owner {
   public:
    virtual void Return(uint32_t slot) = 0;  // drops the owner's reference too
   protected:
    ~Owner() = default;
  };
  Lease() = default;
  Lease(Owner* owner, uint32_t slot) : owner_(owner), slot_(slot) {}
  Lease(Lease&& other) noexcept
      : owner_(std::exchange(other.owner_, nullptr)), slot_(other.slot_) {}
  Lease& operator=(Lease&& other) noexcept {
    if (this != &other) {
      Reset();
      owner_ = std::exchange(other.owner_, nullptr);
      slot_ = other.slot_;
    }
    return *this;
  }
  ~Lease() { Reset(); }
  bool valid() const { return owner_ != nullptr; }
  bool BelongsTo(const Owner* owner) const { return owner_ == owner; }
  // Whoever calls it has the reference then.
  void Forget() { owner_ = nullptr; }
  void Reset() {
    if (owner_ != nullptr) std::exchange(owner_, nullptr)->Return(slot_);
  }

 private:
  Owner* owner_ = nullptr;
  uint32_t slot_ = 0;
};

// As with Record, the peer can still change what `bytes` points to.
struct Borrowed {
  std::span<const std::byte> bytes;
  Lease lease;
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_LINK_H_
