// Watch: how the thread that owns a ZeroMQ socket waits. To the wake-ups of its mailbox come the
// doorbells of the socket's links, all behind one descriptor (an epoll set, itself pollable: what
// ZMQ_FD gives out). Before it sleeps the thread looks at the rings itself for a short, adaptive
// time; at most one thread of the process does so at any moment.
//
// Owner: the socket's signaler. The socket's thread, but for NoteSignal() (any thread). When there
// is no descriptor to be had, Descriptor() is the mailbox's own and no link is taken (Add).
// Compiled into libzmq's own sources too.
#ifndef SAMEHOST_PLUGIN_ZMQ_WATCH_H_
#define SAMEHOST_PLUGIN_ZMQ_WATCH_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "plugin/zmq/sleep_beside.h"

namespace samehost::zmq_transport {

class SharedPipe;

class Watch {
 public:
  // One call of the socket's API that may find its pipes empty or full. Doorbells are armed at its
  // end, rather than whenever a pipe is found so: within a call that looks nobody need ring.
  class Call {
   public:
    // `watch`: may be null.
    explicit Call(Watch* watch) : watch_(watch) {
      if (watch_ != nullptr) watch_->in_call_ = true;
    }
    ~Call() {
      if (watch_ == nullptr) return;
      watch_->in_call_ = false;
      if (watch_->unarmed_) watch_->ArmAfterCall(failed_);
    }
    // What the call returns; negative: it has failed.
    int End(int rc) {
      failed_ = rc < 0;
      return rc;
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    Watch* const watch_;
    bool failed_ = false;
  };

  // `signal`: becomes readable when there is a command in the mailbox.
  static Watch* Create(int signal) { return new Watch(signal); }
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  // What to poll. Stays the same from the first call on.
  int Descriptor();
  // Waits like poll(): 0 when the mailbox was signalled; else -1 with errno EAGAIN (the time is
  // over, or only links had something, which has been seen to) or EINTR. `timeout_ms` < 0: for
  // ever.
  int Wait(int timeout_ms);
  // False once it is certain that no link can be taken. Any thread.
  bool usable() const { return !fixed_.load(std::memory_order_relaxed); }
  // The mailbox is about to be signalled.
  void NoteSignal() {
    signalled_.store(true, std::memory_order_relaxed);
    commands_.store(true, std::memory_order_relaxed);
  }
  // Whether there is certainly nothing to be seen to now: no command in the mailbox, and nothing
  // that the one link of this socket waits for.
  bool Quiet() const;
  // In a forked child: `signal` is a new one, the links are the parent's.
  void Forked(int signal);

  // From now on `pipe` is told of its doorbell. False: it cannot be.
  bool Add(SharedPipe* pipe);
  void Remove(SharedPipe* pipe);
  // `pipe` waits for something: it is worth looking at. True: its doorbell need not be armed, it
  // will be in time.
  bool Waits(SharedPipe* pipe);
  // A message goes out: whoever looks next may wait for its answer.
  void NoteSent() { sent_ = true; }
  // A message has been taken out of a ring.
  void NoteReceived() { ++received_; }

 private:
  explicit Watch(int signal) : signal_(signal) {}
  bool MakeSet();
  int WaitForSignal(int timeout_ms);
  int Signalled();
  bool Sleep(int timeout_ms);
  bool SleepOnDescriptors(int timeout_ms);
  // Looks at the rings before the thread sleeps. Whether something has come; if not, all is armed.
  bool Look(int timeout_ms);
  // Whether what comes next is one of a stream in one direction.
  bool InStream();
  // Leaves a dense stream alone for a moment, so that what is found then is more than one message.
  void GatherDense(int timeout_ms);
  // Sees to links that have something without having rung. Whether there were any.
  bool Visit();
  bool AnythingCame() const;
  void Disarm();
  // Whether all could be armed, none having anything.
  bool Arm();
  void ArmAfterCall(bool call_failed);

  int signal_;
  int set_ = -1;                        // epoll; -1: not made yet
  std::atomic<bool> fixed_{false};      // Descriptor() gave out signal_
  std::atomic<bool> signalled_{false};  // until somebody who waits has seen it
  std::atomic<bool> commands_{false};   // until the mailbox is about to be read
  std::vector<SharedPipe*> pipes_;
  std::vector<SharedPipe*> hot_;  // those that wait and have lately had something
  bool in_call_ = false;
  bool unarmed_ = false;                   // some of hot_ may be
  bool sent_ = false;                      // since the last look
  uint64_t received_ = 0;                  // messages, since the last wait
  uint64_t received_since_ = 0;            // when that began, in monotonic nanoseconds
  uint64_t last_wait_nanos_ = UINT64_MAX;  // of a look that something came of
  SleepBeside beside_;
};

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_WATCH_H_
