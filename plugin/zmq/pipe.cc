#include "plugin/zmq/pipe.h"

#include <sched.h>

#include <algorithm>

#include "plugin/base/clock.h"
#include "plugin/zmq/message_memory.h"
#include "plugin/zmq/settings.h"
#include "plugin/zmq/transport.h"
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
  void Use(std::unique_ptr<Reader> reader) { readers_.push_back(std::move(reader)); }

  bool check_read() override { return Look() != From::kNowhere; }

  bool read(zmq::msg_t* value) override {
    if (!readers_.empty() && readers_.front()->reached && owner_->Readable() &&
        readers_.front()->TakeSmall(value)) {
      return from_ring_ = true;
    }
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

  // The end of the pipe comes after the links, though it may have been written before any was read.
  static bool IsDelimiter(const zmq::msg_t& message) { return message.is_delimiter(); }

  From Look() {
    while (!readers_.empty() && owner_->Readable()) {
      Reader& reader = *readers_.front();
      if (!reader.reached) {
        if (local_->check_read() && !local_->probe(IsDelimiter)) return From::kLocal;
        reader.reached = true;
      }
      switch (reader.Look()) {
        case Reader::State::kMessage:
          return From::kRing;
        case Reader::State::kOver:
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

// How long a message waits for room in the ring: in all, and without any being made.
constexpr uint64_t kRoomNanos = 200'000;
constexpr uint64_t kNoProgressNanos = 50'000;
constexpr uint64_t kYieldNanos = 3'000;  // then others may have the core

// What pipe_t writes to.
class SharedPipe::OutPipe final : public SharedPipe::Queue {
 public:
  OutPipe(SharedPipe* owner, Queue* local) : owner_(owner), local_(local) {
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
    if (parts_.empty() && !incomplete && owner_->OwnTurn()) {
      zmq::msg_t message = part;
      if (writer_->WriteSmall(message)) {
        message.close();
        return Written();
      }
    }
    parts_.push_back(part);
    if (incomplete) return;
    if (!owner_->OwnTurn()) AwaitTurn();
    if (parts_[0].size() >= MessageMemory::kFromBytes)
      MessageMemory::Prefer(owner_->link_->arena());
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

  void UseLink(shm::Link* link, uint64_t local_written) {
    writer_ = std::make_unique<Writer>(link);
    local_written_ = local_written;
    stalled_at_ = UINT64_MAX;
  }
  // Moves what is unfinished back into the local queue, which takes over.
  Queue* Leave() {
    flush();
    for (const zmq::msg_t& part : parts_) local_->write(part, true);
    parts_.clear();
    return local_;
  }
  uint64_t local_written() const { return local_written_; }
  bool HasRoomFor(size_t messages) const { return writer_->HasRoomFor(messages); }

 private:
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
    Writer::Outcome outcome = writer_->WriteWhole(parts_);
    if (outcome == Writer::Outcome::kNoRoom && owner_->waits_for_room_) {
      WaitBriefly(
          [&] {
            outcome = writer_->WriteWhole(parts_);
            return outcome != Writer::Outcome::kNoRoom;
          },
          [&] { return owner_->link_->MessagesTakenByPeer(); });
    }
    return outcome == Writer::Outcome::kWritten;
  }
  // And whoever sends as fast as the I/O thread would never come back from that way.
  void AwaitTurn() {
    const Turn& turn = *owner_->turn_;
    const auto drained = [&] { return turn.drained.load(std::memory_order_relaxed); };
    if (!owner_->waits_for_room_ || drained() == stalled_at_) return;
    const auto done = [&] {
      return owner_->OwnTurn() || turn.ended.load(std::memory_order_relaxed);
    };
    if (!WaitBriefly(done, drained)) stalled_at_ = drained();
  }
  void Written() {
    owner_->watch_->NoteSent();
    ++owner_->direct_;
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
  std::unique_ptr<Writer> writer_;
  std::vector<zmq::msg_t> parts_;
  uint64_t local_written_ = 0;        // complete messages, ever
  uint64_t stalled_at_ = UINT64_MAX;  // where the I/O thread was when waiting for it was no use
  bool ring_new_ = false;             // not flushed
  bool local_new_ = false;
};

// How many times the sum of both marks may be under way, as long as they fit into the ring: what
// the kernel's buffers hold for stock. A stream that stops and goes on needs it.
// Small marks are meant as they are.
constexpr uint64_t kBeyondMarks = 4;
constexpr uint64_t kLargeMarks = 1000;
constexpr uint64_t kLeftForOwnTurn = 64;
constexpr uint64_t kGrant = 16;  // messages beyond the marks at once

void SharedPipe::Attach(zmq::object_t* object, void* argument) {
  auto* pipe = static_cast<zmq::pipe_t*>(object);
  std::unique_ptr<Attachment> attachment(static_cast<Attachment*>(argument));
  // A pipe that ends is left alone: the session carries what is still in its queue.
  const bool usable = pipe->_state == zmq::pipe_t::active && pipe->_out_pipe != nullptr;
  if (usable && pipe->_shared == nullptr) pipe->_shared = new SharedPipe(pipe, attachment->watch);
  if (usable) {
    pipe->_shared->Use(std::move(attachment));
  } else if (attachment->metadata != nullptr && attachment->metadata->drop_ref()) {
    delete attachment->metadata;
  }
}

void SharedPipe::Detach(zmq::object_t* object, void*) {
  auto* pipe = static_cast<zmq::pipe_t*>(object);
  if (pipe->_shared != nullptr) pipe->_shared->Leave();
}

SharedPipe::SharedPipe(zmq::pipe_t* pipe, Watch* watch)
    : pipe_(pipe), watch_(watch), in_(new InPipe(this, pipe->_in_pipe)) {
  pipe_->_in_pipe = in_;
  by_session_ = pipe_->_peers_msgs_read;
}

SharedPipe::~SharedPipe() {
  if (watched_) watch_->Remove(this);
}

void SharedPipe::Use(std::unique_ptr<Attachment> attachment) {
  Leave();
  link_ = attachment->link;
  turn_ = attachment->turn;
  const int own = attachment->own_receive_mark, peer = attachment->peer_send_mark;
  const uint64_t mark = own > 0 && peer > 0 ? uint64_t(own) + peer : 0;
  waits_for_room_ = attachment->waits_for_room && Settings::Get().max_look_nanos > 0;
  in_->Use(std::make_unique<Reader>(link_, turn_, attachment->metadata,
                                    attachment->max_message_bytes, mark));
  const uint64_t local_written = pipe_->_msgs_written - direct_;
  base_ = attachment->read_before + direct_;
  peer_taken_ = credit_wanted_ = 0;
  out_ = std::make_unique<OutPipe>(this, pipe_->_out_pipe);
  out_->UseLink(link_.get(), local_written);
  pipe_->_out_pipe = out_.get();
  // As between two sockets of one process: the sum of both sides' marks.
  pipe_->set_hwms_boost(attachment->peer_send_mark, attachment->peer_receive_mark);
  own_mark_ = pipe_->_hwm;
  shared_mark_ = own_mark_ > 0 && attachment->peer_receive_mark > 0
                     ? own_mark_ + attachment->peer_receive_mark
                     : 0;
  pipe_->_hwm = shared_mark_;
  pipe_->_peers_msgs_read = Credit();
  watched_ = watch_->Add(this);
  // Both ends of the pipe look again.
  pipe_->process_activate_write(by_session_);
  pipe_->process_activate_read();
}

void SharedPipe::Leave() {
  if (link_ == nullptr) return;
  if (watched_) watch_->Remove(this);
  watched_ = false;
  if (pipe_->_out_pipe == out_.get()) pipe_->_out_pipe = out_->Leave();
  // Unless the user has set another one since.
  pipe_->_hwm =
      pipe_->_hwm == shared_mark_ ? own_mark_ : std::max(0, pipe_->_hwm - pipe_->_out_hwm_boost);
  pipe_->set_hwms_boost(-1, -1);
  link_.reset();
  turn_.reset();
  out_.reset();
  writer_waits_ = false;
  if (pipe_->_out_pipe != nullptr) pipe_->process_activate_write(by_session_);
  if (reader_waits_) {
    reader_waits_ = false;
    pipe_->process_activate_read();
  }
}

bool SharedPipe::Readable() const {
  return pipe_->_state == zmq::pipe_t::active ||
         pipe_->_state == zmq::pipe_t::waiting_for_delimiter;
}

bool SharedPipe::OwnTurn() const {
  return !turn_->ended.load(std::memory_order_relaxed) &&  // relaxed: only the sooner, the better
         turn_->drained.load(std::memory_order_acquire) == out_->local_written();  // SYNC(turn)
}

// ---- High-water marks ------------------------------------------------------------------------

uint64_t SharedPipe::Credit() const { return base_ + peer_taken_; }

uint64_t SharedPipe::PeersMessagesRead(uint64_t by_session) {
  by_session_ = by_session;
  return link_ == nullptr ? by_session_ + direct_ : Credit();
}

bool SharedPipe::FindCredit() {
  if (link_ == nullptr) return false;
  const uint64_t mark = static_cast<uint64_t>(pipe_->_hwm);
  for (;;) {
    const uint64_t taken = link_->MessagesTakenByPeer();
    // Neither back nor beyond what was written: a peer that lies gets no more.
    if (taken > peer_taken_ && base_ + taken <= pipe_->_msgs_written) peer_taken_ = taken;
    const uint64_t under_way = pipe_->_msgs_written - Credit();
    const bool beyond = under_way >= mark && mark >= kLargeMarks &&
                        under_way + kGrant <= kBeyondMarks * mark && OwnTurn() &&
                        out_->HasRoomFor(kGrant);
    pipe_->_peers_msgs_read = beyond ? pipe_->_msgs_written - mark + kGrant : Credit();
    if (under_way < mark || beyond) {
      StopWriterWaiting();
      return true;
    }
    // Half of what is under way is to have been taken when the pipe is activated, as in libzmq. Or
    // nearly all, so that no message has to take the long way any more.
    const uint64_t left = OwnTurn() ? under_way / 2 : std::min(under_way / 2, kLeftForOwnTurn);
    credit_wanted_ = pipe_->_msgs_written - base_ - left;
    link_->AwaitMessagesTaken(credit_wanted_);
    writer_waits_ = true;
    if (watched_ && watch_->Waits(this)) return false;
    armed_ = true;
    if (link_->ArmFor(shm::Link::kForMessages)) return false;
    Disarm();
  }
}

void SharedPipe::StopWriterWaiting() {
  if (!writer_waits_) return;
  writer_waits_ = false;
  link_->AwaitMessagesTaken(0);
}

void SharedPipe::EndInput() { in_->EndInput(); }

bool SharedPipe::ReadFromRing() const { return in_->from_ring(); }

// ---- Waiting ---------------------------------------------------------------------------------

int SharedPipe::doorbell_fd() const { return link_->doorbell_fd(); }

// The pipe was found empty. False: it no longer is.
bool SharedPipe::ReaderWaits() {
  reader_waits_ = true;
  shm::Link* link = in_->link();
  if (link != link_.get()) return true;  // an old link: the I/O thread activates the pipe
  if (watched_ && watch_->Waits(this)) return true;
  armed_ = true;
  if (link->ArmFor(shm::Link::kForInput)) {
    KickSession();
    return true;
  }
  reader_waits_ = false;
  Disarm();
  return false;
}

// SUBTLE: the ring of the doorbell that the I/O thread waits for may have been taken away by an
// arming of this thread that came just after it.
void SharedPipe::KickSession() {
  if (link_ != nullptr && Readable() && !OwnTurn() && link_->HasRoom())
    pipe_->send_call(pipe_->_peer, &Transport::Kick, nullptr);
}

bool SharedPipe::WorkHere() const {
  return link_ != nullptr && ((reader_waits_ && in_->InputHere()) || CreditHere());
}

// SUBTLE: what made Arm() say that something has come must be found here.
bool SharedPipe::HasWork() const {
  return link_ != nullptr && ((reader_waits_ && in_->HasInput()) || CreditHere());
}

bool SharedPipe::CreditHere() const {
  return writer_waits_ && link_->MessagesTakenByPeer() >= credit_wanted_;
}

bool SharedPipe::WorkAnnounced() const {
  return link_ != nullptr && reader_waits_ && link_->AnnouncedInput() != 0;
}

void SharedPipe::Disarm() {
  // While the I/O thread may wait for room the doorbell stays armed.
  if (armed_ && link_ != nullptr && OwnTurn()) {
    armed_ = false;
    link_->SetWatch(shm::Link::Watch::kWatched);
  }
}

bool SharedPipe::Arm() {
  if (link_ == nullptr || !(reader_waits_ || writer_waits_)) return true;
  armed_ = true;
  const bool armed = link_->ArmFor((reader_waits_ ? shm::Link::kForInput : 0) |
                                   (writer_waits_ ? shm::Link::kForMessages : 0));
  KickSession();
  return armed;
}

void SharedPipe::OnWork() {
  if (link_ == nullptr) return;
  if (CreditHere()) {
    StopWriterWaiting();
    pipe_->process_activate_write(by_session_);
  }
  if (link_ != nullptr && reader_waits_ && in_->HasInput()) {
    reader_waits_ = false;
    pipe_->process_activate_read();
  }
}

void SharedPipe::OnDoorbell() {
  OnWork();
  if (!Arm()) OnWork();
}

void SharedPipe::Trim() {
  if (link_ != nullptr && OwnTurn()) link_->TrimIdle();
}

}  // namespace samehost::zmq_transport
