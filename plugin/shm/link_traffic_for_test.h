// Random traffic over one end of a link, checked byte by byte, for tests. One thread drives an
// Endpoint; the peer is another Endpoint with the same seed in another thread or process.
#ifndef SAMEHOST_PLUGIN_SHM_LINK_TRAFFIC_FOR_TEST_H_
#define SAMEHOST_PLUGIN_SHM_LINK_TRAFFIC_FOR_TEST_H_

#include <poll.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "plugin/shm/link.h"

namespace samehost::shm {

// Long enough for the slowest sanitizer on a busy machine; a lost wake-up takes for ever.
inline constexpr int kWatchdogMillis = 60'000;

inline uint64_t Mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

// What record `index` of a stream looks like.
struct Pattern {
  uint64_t seed;
  size_t max_bytes;

  size_t Size(uint64_t index) const {
    const uint64_t random = Mix(seed ^ (index * 2 + 1));
    // Small ones mostly, sometimes the largest possible.
    switch (random % 8) {
      case 0:
        return 1 + (random >> 8) % max_bytes;
      case 1:
        return max_bytes - (random >> 8) % std::min<size_t>(max_bytes, 9);
      default:
        return 1 + (random >> 8) % std::min<size_t>(max_bytes, 200);
    }
  }
  void Fill(uint64_t index, std::byte* place, size_t size) const {
    uint64_t word = Mix(seed + index);
    for (size_t at = 0; at < size; at += 8, word += 0x0101010101010101) {
      std::memcpy(place + at, &word, std::min<size_t>(8, size - at));
    }
  }
  bool Matches(uint64_t index, std::span<const std::byte> bytes) const {
    if (bytes.size() != Size(index)) return false;
    uint64_t word = Mix(seed + index);
    for (size_t at = 0; at < bytes.size(); at += 8, word += 0x0101010101010101) {
      if (std::memcmp(bytes.data() + at, &word, std::min<size_t>(8, bytes.size() - at)) != 0) {
        return false;
      }
    }
    return true;
  }
};

class Endpoint {
 public:
  struct Plan {
    uint64_t send = 0;     // records
    uint64_t receive = 0;  // records
    Pattern outgoing = {};
    Pattern incoming = {};
    double lend = 0;             // share of the records that are lent
    size_t want_ring_bytes = 0;  // asked for after every record
    int trim_every = 0;          // records; 0: never
  };
  Endpoint(Link* link, Plan plan) : link_(link), plan_(plan), random_(plan.outgoing.seed) {}

  // Runs the whole plan. Empty when all went well, else what went wrong.
  std::string Run() {
    while (sent_ < plan_.send || received_ < plan_.receive) {
      const bool progress = Send() | Receive();
      if (!error_.empty()) return error_;
      if (!progress && !Wait()) return error_;
    }
    leases_.clear();
    return error_;
  }

 private:
  bool Send() {
    bool progress = false;
    for (int batch = static_cast<int>(random_() % 4); sent_ < plan_.send && batch >= 0; --batch) {
      const size_t size = plan_.outgoing.Size(sent_);
      if (size > link_->max_record()) {
        link_->WantRingBytes(4 * size + 64);
        waits_for_ring_ = true;  // nobody rings for that alone
        break;
      }
      std::byte* place = link_->Reserve(size);
      if (place == nullptr) {
        link_->Publish();
        // false: there is room by now.
        return progress || !link_->AwaitRoom(size);
      }
      waits_for_ring_ = false;
      plan_.outgoing.Fill(sent_, place, size);
      link_->Commit(size);
      ++sent_;
      progress = true;
      if (plan_.want_ring_bytes != 0) link_->WantRingBytes(plan_.want_ring_bytes);
      if (plan_.trim_every != 0 && sent_ % plan_.trim_every == 0) {
        link_->Publish();
        link_->TrimIdle();
      }
    }
    link_->Publish();
    return progress;
  }

  bool Receive() {
    Record record;
    bool progress = false;
    for (;;) {
      switch (link_->Next(&record)) {
        case Link::Take::kEmpty:
          return progress;
        case Link::Take::kBroken:
          error_ = "broken: " + ToString(link_->broken());
          return false;
        case Link::Take::kRecord:
          break;
      }
      progress = true;
      if (!plan_.incoming.Matches(received_, record.bytes)) {
        error_ = "wrong bytes in record " + std::to_string(received_);
        return false;
      }
      ++received_;
      GiveBack(record);
    }
  }

  void GiveBack(const Record& record) {
    const bool lend = std::uniform_real_distribution<>()(random_) < plan_.lend;
    if (lend) {
      Lease lease = link_->Lend(record);
      if (lease.valid()) {
        leases_.push_back({std::move(lease), record.bytes, received_ - 1});
      } else {
        link_->Done(record);
      }
    } else {
      link_->Done(record);
    }
    // Any order; what was lent must not have changed.
    while (leases_.size() > 20 || (!leases_.empty() && random_() % 3 == 0)) {
      std::swap(leases_[random_() % leases_.size()], leases_.back());
      if (!plan_.incoming.Matches(leases_.back().index, leases_.back().bytes)) {
        error_ = "lent record changed";
      }
      leases_.pop_back();
    }
  }

  bool Wait() {
    if (waits_for_ring_) {
      std::this_thread::yield();
      return Listen();
    }
    if (random_() % 2 == 0) {  // look for a while
      for (int i = 0; i < 1000; ++i) {
        if (link_->HasInput() || link_->HasRoom()) return true;
      }
    }
    if (!link_->ArmDoorbell()) return true;
    pollfd fds[2] = {{link_->doorbell_fd(), POLLIN, 0}, {link_->socket_fd(), POLLIN, 0}};
    const int ready = poll(fds, 2, kWatchdogMillis);
    link_->SetWatch(Link::Watch::kWatched);
    if (ready == 0) {
      error_ = "no wake-up: sent " + std::to_string(sent_) + " received " +
               std::to_string(received_) + (link_->HasInput() ? " input" : "") +
               (link_->HasRoom() ? " room" : "");
      return false;
    }
    if (fds[0].revents != 0) link_->DrainDoorbell();
    return fds[1].revents == 0 || Listen();
  }

  bool Listen() {
    Status status = link_->OnSocketReadable();
    // What the peer sent before it ended can still be read.
    if (status.ok() || link_->HasInput()) return true;
    error_ = "socket: " + ToString(status.error());
    return false;
  }

  struct Held {
    Lease lease;
    std::span<const std::byte> bytes;
    uint64_t index;
  };
  Link* link_;
  Plan plan_;
  std::mt19937_64 random_;
  uint64_t sent_ = 0;
  uint64_t received_ = 0;
  bool waits_for_ring_ = false;
  std::vector<Held> leases_;
  std::string error_;
};

}  // namespace samehost::shm

#endif  // SAMEHOST_PLUGIN_SHM_LINK_TRAFFIC_FOR_TEST_H_
