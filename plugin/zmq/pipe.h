// SharedPipe: the socket's end of a pipe whose messages go through shared memory. It stands in for
// the two queues that lead to and from the session on the I/O thread, and keeps those:
//
//   socket's thread                                        I/O thread
//   pipe_t --> OutPipe --+--> ring -----------------------------------------> peer
//                        +--> local queue --> session --> Transport --> ring --> peer
//   pipe_t <-- InPipe <--+--- ring <----------------------------------------- peer
//                        +--- local queue <-- session
//
// Out: a message goes straight into the ring, whole or not at all. When there is no room, or it is
// too large, it goes through the local queue, and so do all that follow until the I/O thread has
// put the last of them into the ring: that is how the two threads take turns as the ring's producer
// (SYNC(turn)). In: messages of the local queue that came first, then the ring, then, once the link
// has ended and the ring is empty, the local queue again, where the end of the pipe is found.
//
// Owner: pipe_t. The socket's thread. The peer is hostile or dead: what it breaks ends the link.
#ifndef SAMEHOST_PLUGIN_ZMQ_PIPE_H_
#define SAMEHOST_PLUGIN_ZMQ_PIPE_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "metadata.hpp"
#include "msg.hpp"
#include "pipe.hpp"
#include "plugin/shm/link.h"
#include "plugin/zmq/reader.h"
#include "plugin/zmq/turn.h"
#include "plugin/zmq/writer.h"
#include "ypipe_base.hpp"

namespace samehost::zmq_transport {

class Watch;

class SharedPipe {
 public:
  // What the I/O thread hands over when a link is up. Owns a reference to `metadata`.
  struct Attachment {
    std::shared_ptr<shm::Link> link;
    std::shared_ptr<Turn> turn;
    Watch* watch = nullptr;
    zmq::metadata_t* metadata = nullptr;
    int64_t max_message_bytes = -1;                 // ZMQ_MAXMSGSIZE
    int peer_send_mark = 0, peer_receive_mark = 0;  // the peer's ZMQ_SNDHWM and ZMQ_RCVHWM
    int own_receive_mark = 0;
    bool waits_for_room = false;  // the socket's type stops where it cannot send
    uint64_t read_before = 0;     // messages that the session had read from its pipe by then
    uint64_t local_before = 0;    // and had written into it, as the socket's end counts them
  };
  // Functions for object_t::send_call. `pipe`: the socket's end. Attach takes `attachment`.
  // StopSending: nothing more is written into the ring; answered by Transport::SendingStopped.
  static void Attach(zmq::object_t* pipe, void* attachment);
  static void StopSending(zmq::object_t* pipe, void* request);
  static void Detach(zmq::object_t* pipe, void*);

  ~SharedPipe();

  // ---- For pipe_t ----
  // How many of this end's messages have been read at the other end, when the session says so many.
  uint64_t PeersMessagesRead(uint64_t by_session);
  // The user has given up the endpoint (zmq_unbind): what the peer sends from now on is not read.
  void EndInput();
  // Whether the part that was read last came from a ring: the session does not count it then.
  bool ReadFromRing() const;
  // The high-water mark seems reached. True: there is room for one more after all; otherwise the
  // pipe will be activated once there is.
  bool FindCredit();

  // For a socket whose only pipe this is: sends a small message of one part, or receives one, as
  // xsend() and xrecv() of the types without routing would. False: nothing was done, go their way.
  bool SendAlone(zmq::msg_t* message);
  bool SendAlone(const void* data, size_t size);
  bool ReceiveAlone(zmq::msg_t* message);

  // ---- For Watch ----
  int doorbell_fd() const;
  // Whether something has come that this end waits for. The socket's thread.
  bool HasWork() const;
  // The same, cheaper and sooner: it may be that only the other one sees it.
  bool WorkHere() const;
  bool WorkAnnounced() const;
  // Whether it waits for messages, and not only for room.
  bool Reads() const { return reader_waits_; }
  bool Waits() const { return reader_waits_ || writer_waits_; }
  bool TakePeerWoken() { return link_ != nullptr && link_->TakePeerWoken(); }
  // Nobody need ring: somebody looks.
  void Disarm();
  // Arms the doorbell for what this end waits for. False: something has come.
  bool Arm();
  // When and where the peer has rung it (Link::RungAtNanos, RungOnProcessor).
  uint64_t RungAtNanos() const { return link_ == nullptr ? 0 : link_->RungAtNanos(); }
  int RungOnProcessor() const { return link_ == nullptr ? -1 : link_->RungOnProcessor(); }
  // Rings it, so that whoever polls its descriptor comes and looks.
  void RingSelf() const { link_->RingSelf(); }
  void OnWork();
  void OnDoorbell();
  // Gives memory back that is not in use. Whether all has gone.
  bool Trim();

 private:
  // Whether a message may go past pipe_t's own checks.
  bool MayWrite() const;

  class InPipe;
  class OutPipe;
  using Queue = zmq::ypipe_base_t<zmq::msg_t>;

  SharedPipe(zmq::pipe_t* pipe, Watch* watch);
  void Use(std::unique_ptr<Attachment> attachment);
  void LeaveOut();
  void Leave();
  // Whether this thread is the ring's producer.
  bool OwnTurn() const;
  // Whether pipe_t still wants messages.
  bool Readable() const;
  bool ReaderWaits();
  void KickSession();
  void StopWriterWaiting();
  void Refuse();
  uint64_t Credit() const;
  bool CreditHere() const;

  zmq::pipe_t* const pipe_;
  Watch* const watch_;
  InPipe* in_;                       // owned by pipe_, which deletes it as its inbound queue
  std::unique_ptr<OutPipe> out_;     // null when nothing is sent through a link
  std::shared_ptr<shm::Link> link_;  // in use; null between links
  std::shared_ptr<Turn> turn_;
  bool watched_ = false;          // by watch_
  bool stops_when_full_ = false;  // the socket's type (Attachment::waits_for_room)
  bool waits_for_room_ = false;   // and may look for it
  bool armed_ = false;            // the doorbell, by this thread
  bool reader_waits_ = false;     // the pipe was found empty
  bool writer_waits_ = false;     // the high-water mark was reached
  int own_mark_ = 0;              // pipe_'s high-water mark without and with the peer's
  int shared_mark_ = 0;
  uint64_t by_session_ = 0;     // last report
  uint64_t direct_ = 0;         // messages that went straight into a ring, all links
  uint64_t base_ = 0;           // messages written before the first that this link carries
  uint64_t credit_wanted_ = 0;  // the peer's count at which the pipe is to be activated
  uint64_t peer_taken_ = 0;     // the peer's count as last read and checked
};

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_PIPE_H_
