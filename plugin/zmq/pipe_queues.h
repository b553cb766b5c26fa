// The two queues that SharedPipe puts in the place of pipe_t's own (pipe.h). Of plugin/zmq/pipe.cc
// only. The socket's thread.
#ifndef SAMEHOST_PLUGIN_ZMQ_PIPE_QUEUES_H_
#define SAMEHOST_PLUGIN_ZMQ_PIPE_QUEUES_H_

#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "plugin/base/clock.h"
#include "plugin/zmq/message_memory.h"
#include "plugin/zmq/pipe.h"
#include "plugin/zmq/watch.h"

namespace samehost::zmq_transport {

// What pipe_t reads from.
class SharedPipe::InPipe final : public SharedPipe::Queue {
 public:
  InPipe(SharedPipe* owner, Queue* local) : owner_(owner), local_(local) {}
  ~InPipe() override { delete local_; }

  void EndInput() {
    for (auto& reader : readers_) reader->End();
  }
  // A socket that only sends never looks, and would keep the memory of each link that it had.
  void ForgetEmptyLinks() {
    while (!readers_.empty() && owner_->Readable() &&
           readers_.front()->Look() == Reader::State::kOver) {
      readers_.pop_front();
    }
  }
  void Use(std::unique_ptr<Reader> reader) { readers_.push_back(std::move(reader)); }

  bool check_read() override { return Look() != From::kNowhere; }

  bool read(zmq::msg_t* value) override {
    if (owner_->Readable() && TakeSmall(value)) return from_ring_ = true;
    switch (Look()) {
      case From::kRing:
        readers_.front()->Take(value);
        return from_ring_ = true;
      case From::kLocal:
        from_ring_ = false;
        return local_->read(value);
      case From::kNowhere:
        break;
    }
    return false;
  }

  // The usual message, read at once into the place of one that is no longer wanted.
  bool ReceiveSmall(zmq::msg_t* message) {
    message->close();
    if (TakeSmall(message)) return true;
    message->init();
    return false;
  }

  bool probe(bool (*function)(const zmq::msg_t&)) override {
    return Look() == From::kRing ? function(readers_.front()->front()) : local_->probe(function);
  }

  // The session writes, at the other end of local_.
  void write(const zmq::msg_t&, bool) override {}
  bool unwrite(zmq::msg_t*) override { return false; }
  bool flush() override { return true; }

  bool from_ring() const { return from_ring_; }
  shm::Link* link() const { return readers_.empty() ? nullptr : readers_.front()->link(); }
  bool InputHere() const { return !readers_.empty() && readers_.front()->link()->InputHere(); }
  bool HasInput() const { return InputHere() || (!readers_.empty() && link()->HasInput()); }

 private:
  enum class From { kRing, kLocal, kNowhere };

  bool TakeSmall(zmq::msg_t* message) {
    if (readers_.empty() || !readers_.front()->reached || !readers_.front()->TakeSmall(message)) {
      return false;
    }
    owner_->watch_->NoteReceived();
    return true;
  }

  // The end of the pipe comes after the links, though it may have been written before any was read.
  static bool IsDelimiter(const zmq::msg_t& message) { return message.is_delimiter(); }
  static bool IsRoutingId(const zmq::msg_t& message) { return message.is_routing_id(); }
  // Whether the local queue has something that came before this link. What has come over the socket
  // since, when the link has been left, comes after it.
  bool HasOlder(const Reader& reader) const {
    if (!local_->check_read() || local_->probe(IsDelimiter)) return false;
    return owner_->pipe_->_msgs_read < reader.local_before || local_->probe(IsRoutingId);
  }

  From Look() {
    while (!readers_.empty() && owner_->Readable()) {
      Reader& reader = *readers_.front();
      if (!reader.reached) {
        if (HasOlder(reader)) return From::kLocal;
        reader.reached = true;
      }
      switch (reader.Look()) {
        case Reader::State::kMessage:
          return From::kRing;
        case Reader::State::kOver:
          // What a peer writes into it all the same wakes nobody.
          if (reader.link() == owner_->link_.get()) owner_->reader_waits_ = false;
          readers_.pop_front();
          continue;
        case Reader::State::kEmpty:
          if (owner_->ReaderWaits()) return From::kNowhere;
      }
    }
    return local_->check_read() ? From::kLocal : From::kNowhere;
  }

  SharedPipe* const owner_;
  Queue* const local_;                           // from the session
  std::deque<std::unique_ptr<Reader>> readers_;  // one for each link, oldest first
  bool from_ring_ = false;                       // where the last part came from
};

// What pipe_t writes to.
class SharedPipe::OutPipe final : public SharedPipe::Queue {
 public:
  // `local_written`: complete messages that are or have been in `local`.
  OutPipe(SharedPipe* owner, Queue* local, shm::Link* link, uint64_t local_written)
      : owner_(owner), local_(local), writer_(link), local_written_(local_written) {
    // Parts of a message that is not complete yet.
    zmq::msg_t part;
    while (local_->unwrite(&part)) parts_.insert(parts_.begin(), part);
  }

  void write(const zmq::msg_t& part, bool incomplete) override {
    if (part.is_delimiter()) {
      local_->write(part, false);
      local_new_ = true;
      return;
    }
    zmq::msg_t message = part;
    if (!incomplete && SendSmall(&message)) return;
    parts_.push_back(part);
    if (incomplete) return;
    if (!owner_->OwnTurn()) AwaitTurn();
    if (std::any_of(parts_.begin(), parts_.end(), MessageMemory::IsLarge)) {
      MessageMemory::Prefer(owner_->link_->arena());
    }
    if (owner_->OwnTurn() && WriteWhole()) {
      for (zmq::msg_t& written : parts_) written.close();
      Written();
    } else {
      GiveBack();
      ++local_written_;
      local_new_ = true;
    }
    parts_.clear();
  }

  // The usual message, written and published at once; then it is empty.
  bool SendSmall(zmq::msg_t* message) {
    if (!parts_.empty() || !owner_->OwnTurn() || !writer_.SendSmall(*message)) return false;
    CountDirect();
    message->close();
    message->init();
    return true;
  }
  bool SendSmall(std::span<const std::byte> message) {
    if (!parts_.empty() || !owner_->OwnTurn() || !writer_.SendSmall(message)) return false;
    CountDirect();
    return true;
  }

  bool unwrite(zmq::msg_t* part) override {
    if (parts_.empty()) return false;
    *part = parts_.back();
    parts_.pop_back();
    return true;
  }

  bool flush() override {
    if (ring_new_) {
      ring_new_ = false;
      owner_->link_->Publish();
    }
    if (!local_new_) return true;
    local_new_ = false;
    return local_->flush();
  }

  // The session reads, at the other end of local_. Here only what it has left behind is read.
  bool check_read() override { return local_->check_read(); }
  bool read(zmq::msg_t* value) override { return local_->read(value); }
  bool probe(bool (*function)(const zmq::msg_t&)) override { return local_->probe(function); }

  // Moves what is unfinished back into the local queue, which takes over.
  Queue* Leave() {
    flush();
    for (const zmq::msg_t& part : parts_) local_->write(part, true);
    parts_.clear();
    return local_;
  }
  uint64_t local_written() const { return local_written_; }
  bool HasRoomFor(size_t messages) const { return writer_.HasRoomFor(messages); }

 private:
  // How long a message waits for room in the ring: in all, and without any being made.
  static constexpr uint64_t kRoomNanos = 200'000;
  static constexpr uint64_t kNoProgressNanos = 50'000;
  static constexpr uint64_t kYieldNanos = 3'000;  // then others may have the core

  // Until done(), for a moment in all, and a shorter one without progress() changing. Whether it
  // went on changing.
  template <typename Done, typename Progress>
  bool WaitBriefly(Done done, Progress progress) {
    const uint64_t start = MonotonicNanos();
    uint64_t last = progress(), last_nanos = start, now = start;
    while (!done() && now - start < kRoomNanos) {
      if (now - last_nanos > kNoProgressNanos) return false;
      if (now - start > kYieldNanos) sched_yield();
      now = MonotonicNanos();
      if (const uint64_t more = progress(); more != last) {
        last = more;
        last_nanos = now;
      }
    }
    return true;
  }
  // A message that does not go into the ring now takes a long way, and all after it. So what is
  // about to become free is waited for, as long as the peer goes on taking.
  bool WriteWhole() {
    Writer::Outcome outcome = writer_.WriteWhole(parts_);
    if (outcome == Writer::Outcome::kNoRoom && owner_->waits_for_room_) {
      WaitBriefly(
          [&] {
            outcome = writer_.WriteWhole(parts_);
            return outcome != Writer::Outcome::kNoRoom;
          },
          [&] { return owner_->link_->MessagesTakenByPeer(); });
    }
    return outcome == Writer::Outcome::kWritten;
  }
  // And whoever sends as fast as the I/O thread would never come back from that way.
  void AwaitTurn() {
    const Turn& turn = *owner_->turn_;
    // relaxed: whether it changes; OwnTurn() says whose turn it is.
    const auto drained = [&] { return turn.drained.load(std::memory_order_relaxed); };
    if (!owner_->waits_for_room_ || drained() == stalled_at_) return;
    const auto done = [&] {
      return owner_->OwnTurn() || turn.ended.load(std::memory_order_relaxed);
    };
    if (!WaitBriefly(done, drained)) stalled_at_ = drained();
  }
  void CountDirect() {
    owner_->watch_->NoteSent();
    ++owner_->direct_;
  }
  void Written() {
    CountDirect();
    owner_->link_->CountMessageSent();
    ring_new_ = true;
  }
  void GiveBack() {
    for (const zmq::msg_t& part : parts_) {
      local_->write(part, (part.flags() & zmq::msg_t::more) != 0);
    }
  }

  SharedPipe* const owner_;
  Queue* const local_;  // to the session; deleted by the session's end
  Writer writer_;
  std::vector<zmq::msg_t> parts_;
  uint64_t local_written_;
  uint64_t stalled_at_ = UINT64_MAX;  // where the I/O thread was when waiting for it was no use
  bool ring_new_ = false;             // not flushed
  bool local_new_ = false;
};

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_PIPE_QUEUES_H_
