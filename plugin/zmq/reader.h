// Reader: takes messages out of a link's ring (frame.h). A message is given out only once all of
// its parts are there. The socket's thread. The peer is hostile: what breaks the rules ends the
// link, with a line in the log, and nothing else.
#ifndef SAMEHOST_PLUGIN_ZMQ_READER_H_
#define SAMEHOST_PLUGIN_ZMQ_READER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "metadata.hpp"
#include "msg.hpp"
#include "plugin/shm/link.h"
#include "plugin/zmq/turn.h"

namespace samehost::zmq_transport {

// The peer has broken `rule`: one line in the log, and its connection ends by the I/O thread. The
// socket's thread.
void RefusePeer(shm::Link* link, Turn* turn, const char* rule);

class Reader {
 public:
  // Takes over one reference to `metadata` (may be null). `mark`: the sum of both sides' high-water
  // marks, 0: none. `local_before_in`: messages that the local queue had before this link.
  Reader(std::shared_ptr<shm::Link> link, std::shared_ptr<Turn> turn, zmq::metadata_t* metadata,
         int64_t max_message_bytes, uint64_t mark, uint64_t local_before_in = 0);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // kMessage: Take() gives a part. kEmpty: nothing now. kOver: nothing any more.
  enum class State { kMessage, kEmpty, kOver };
  State Look();
  // The first part that is ready. Requires Look() == kMessage.
  const zmq::msg_t& front() const { return ready_[next_]; }
  void Take(zmq::msg_t* part);
  // Takes the next message at once if it is the usual one, a small part in one record. False: see
  // Look().
  bool TakeSmall(zmq::msg_t* message);
  // Nothing that comes from now on is read.
  void End();

  shm::Link* link() const { return link_.get(); }
  Turn* turn() const { return turn_.get(); }
  // Whether the local queue has been read to the place where this link begins.
  bool reached = false;
  const uint64_t local_before;

 private:
  void CountTaken();
  State Refuse(const char* rule);
  // The parts of one record. False: a rule is broken.
  bool Read(const shm::Record& record);
  bool ReadChunk(const std::byte* bytes, size_t length, uint8_t kind, uint8_t flags);
  bool Add(zmq::msg_t* part, uint8_t flags);
  bool SizeAllowed(uint64_t size) const;

  const std::shared_ptr<shm::Link> link_;
  const std::shared_ptr<Turn> turn_;
  zmq::metadata_t* const metadata_;
  const int64_t max_message_bytes_;
  const uint64_t tell_every_;      // messages
  std::vector<zmq::msg_t> ready_;  // parts of complete messages, from next_ to complete_
  size_t next_ = 0;
  size_t complete_ = 0;
  zmq::msg_t piece_;         // the part that comes in pieces
  uint64_t piece_size_ = 0;  // 0: none is under way
  uint64_t piece_got_ = 0;
  uint64_t position_ = 0;      // in the ring
  uint64_t end_ = UINT64_MAX;  // what lies beyond is not read
  uint64_t taken_ = 0;         // messages given out
  uint64_t told_ = 0;
  const char* rule_ = nullptr;  // that the peer broke
};

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_READER_H_
