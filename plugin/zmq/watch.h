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

namespace samehost::zmq_transport {

class SharedPipe;

class Watch {
 public:
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
  void NoteSignal() { signalled_.store(true, std::memory_order_relaxed); }
  // In a forked child: `signal` is a new one, the links are the parent's.
  void Forked(int signal);

  // From now on `pipe` is told of its doorbell. False: it cannot be.
  bool Add(SharedPipe* pipe);
  void Remove(SharedPipe* pipe);
  // `pipe` waits for something: it is worth looking at.
  void Waits(SharedPipe* pipe);

  // Looks at the rings of sockets before their thread sleeps. Whether something has come. `timeout_ms` as for Wait().
  static bool LookAtAll(Watch* const* watches, size_t count, int timeout_ms);

 private:
  explicit Watch(int signal) : signal_(signal) {}
  bool MakeSet();
  int WaitForSignal(int timeout_ms) const;
  bool Sleep(int timeout_ms);
  // Sees to links that have something without having rung. Whether there were any.
  bool Visit();
  bool AnythingCame() const;
  void Disarm();
  // Whether all could be armed, none having anything.
  bool Arm();

  int signal_;
  int set_ = -1;                    // epoll; -1: not made yet
  std::atomic<bool> fixed_{false};  // Descriptor() gave out signal_
  std::atomic<bool> signalled_{false};
  std::vector<SharedPipe*> pipes_;
  std::vector<SharedPipe*> hot_;  // those that wait and have lately had something
};

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_WATCH_H_
