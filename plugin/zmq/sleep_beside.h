// SleepBeside: with SAMEHOST_WAIT=efficient, lets two threads that take turns sleep on one
// processor, where waking one another costs a few microseconds; waking another processor that
// idles costs tens of them on a virtual machine, and nobody looks. A thread whose wake-ups have
// been late for a while narrows its affinity to the smaller of the two processors' numbers for as
// long as it sleeps, and has its own affinity back before anybody else's code runs. The peer, which
// does the same, arrives at the same processor. Where that does not help (the peer works on after
// it has rung, or others need the processor), it is given up again, for longer each time.
//
// Owner: Watch. The socket's thread. Nothing here can fail: what cannot be done is left out.
#ifndef SAMEHOST_PLUGIN_ZMQ_SLEEP_BESIDE_H_
#define SAMEHOST_PLUGIN_ZMQ_SLEEP_BESIDE_H_

#include <sched.h>

#include <cstdint>

namespace samehost::zmq_transport {

class SleepBeside {
 public:
  // Around a sleep.
  void Begin();
  void End();
  // A doorbell has ended that sleep, `late_nanos` after it was rung on `processor` (-1: not
  // known). `alternating`: this thread had sent something before it slept.
  void NoteWake(uint64_t late_nanos, int processor, bool alternating);

 private:
  void Forget();

  int processor_ = -1;        // where to sleep; -1: wherever it happens to be
  uint32_t late_ = 0;         // wake-ups, one after the other
  uint32_t pause_ = 0;        // wake-ups for which nothing is tried
  uint32_t next_pause_ = 64;  // for how many, when it has to be given up
  bool narrowed_ = false;
  cpu_set_t own_ = {};  // the affinity to go back to
};

}  // namespace samehost::zmq_transport

#endif  // SAMEHOST_PLUGIN_ZMQ_SLEEP_BESIDE_H_
