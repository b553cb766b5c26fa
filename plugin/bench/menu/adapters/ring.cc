// samehost's link without gRPC or ZeroMQ: two rings in a sealed memfd that both processes map, one
// record a message (long messages take several). Spinning: the receiver looks all the time.
// Doorbell: it sleeps on an eventfd at once.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/piece_channel.h"
#include "plugin/shm/link.h"

namespace samehost::bench::menu {
namespace {

using shm::Link;

constexpr uint32_t kRingBytes = 512 * 1024;
constexpr size_t kMaxPiece = kRingBytes / 8;
constexpr int kLooksBetweenChecks = 1 << 16;

Link::Side SideOf(const Place& place) {
  return place.server() ? Link::Side::kConnecting : Link::Side::kAccepting;
}

shm::LinkOptions Options() {
  return {.initial_ring_bytes = kRingBytes, .max_ring_bytes = kRingBytes};
}

std::unique_ptr<Link> MakeLink(const Place& place) {
  shm::LinkParts parts;
  if (place.server()) {
    auto made = Link::MakeParts(Options(), /*share_eventfds=*/true);
    if (!made.ok()) throw BenchFailure("link parts: " + ToString(made.error()));
    parts = *std::move(made);
    auto [mine, theirs] = Peer::Pair();
    place.peer.SendFds(
        {parts.segment.get(), parts.doorbell[0].get(), parts.doorbell[1].get(), theirs.get()});
    parts.socket = std::move(mine);
  } else {
    std::vector<UniqueFd> fds = place.peer.ReceiveFds(4);
    parts.segment = std::move(fds[0]);
    parts.doorbell[0] = std::move(fds[1]);
    parts.doorbell[1] = std::move(fds[2]);
    parts.socket = std::move(fds[3]);
  }
  auto link = Link::Create(SideOf(place), std::move(parts), Options());
  if (!link.ok()) throw BenchFailure("link: " + ToString(link.error()));
  return *std::move(link);
}

class RingChannel final : public PieceChannel {
 public:
  RingChannel(const Place& place, bool spin)
      : PieceChannel(kMaxPiece), peer_(place.peer), link_(MakeLink(place)), spin_(spin) {
    if (link_->max_record() < kMaxPiece) throw BenchFailure("the ring's records are too short");
  }

  void Prove() override {
    link_->FlushDone();  // counts as well
    const shm::CounterValues counted = link_->counters();
    // The last one received may not have been given back yet.
    if (counted.records_sent < sent_ || counted.records_received + 1 < received_) {
      throw ProofFailure("the ring carried fewer records than were sent");
    }
  }

 protected:
  void SendPiece(Bytes head, Bytes body) override {
    const size_t size = head.size() + body.size();
    std::byte* to;
    while ((to = link_->Reserve(size)) == nullptr) AwaitRoom(size);
    if (!head.empty()) std::memcpy(to, head.data(), head.size());
    if (!body.empty()) std::memcpy(to + head.size(), body.data(), body.size());
    link_->Commit(size);
    link_->Publish();
    ++sent_;
  }

  Bytes ReceivePiece(std::span<std::byte>) override {
    if (held_) link_->Done(record_);
    held_ = false;
    Link::Take take;
    while ((take = link_->Next(&record_)) == Link::Take::kEmpty) AwaitInput();
    if (take == Link::Take::kBroken) throw BenchFailure("the link broke");
    held_ = true;
    ++received_;
    return record_.bytes;
  }

 private:
  void AwaitInput() {
    link_->FlushDone();
    if (!spin_) {
      if (!link_->HasInput() && link_->ArmDoorbell()) Sleep([&] { return link_->HasInput(); });
      return;
    }
    for (int looks = 0; !link_->HasInput(); ++looks) {
      if (looks % kLooksBetweenChecks == kLooksBetweenChecks - 1) LookAfterPeer();
    }
  }

  void AwaitRoom(size_t bytes) {
    if (!link_->AwaitRoom(bytes)) return;
    if (!spin_) {
      if (link_->ArmDoorbell()) Sleep([&] { return link_->HasRoom(); });
      return;
    }
    for (int looks = 0; !link_->HasRoom(); ++looks) {
      if (looks % kLooksBetweenChecks == kLooksBetweenChecks - 1) LookAfterPeer();
    }
  }

  template <typename Ready>
  void Sleep(Ready ready) {
    pollfd entries[] = {{link_->doorbell_fd(), POLLIN, 0}, {link_->socket_fd(), POLLIN, 0}};
    while (::poll(entries, 2, -1) < 0) {
      if (errno != EINTR) FailErrno("poll");
    }
    if (entries[0].revents != 0) link_->DrainDoorbell();
    if (entries[1].revents != 0 && !link_->OnSocketReadable().ok() && !ready()) throw PeerGone();
  }

  void LookAfterPeer() const {
    if (peer_.LooksGone()) throw PeerGone();
  }

  const Peer& peer_;
  std::unique_ptr<Link> link_;
  const bool spin_;
  shm::Record record_;
  bool held_ = false;
  uint64_t sent_ = 0, received_ = 0;
};

}  // namespace

ChannelPtr OpenRingSpin(const Place& place) { return std::make_unique<RingChannel>(place, true); }

ChannelPtr OpenRingDoorbell(const Place& place) {
  return std::make_unique<RingChannel>(place, false);
}

}  // namespace samehost::bench::menu
