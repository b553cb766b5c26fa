// ZmqLinks: what shared memory has carried in this process, from outside of libzmq: whoever uses
// libzmq's C API cannot see it, but the links' descriptors are there. Any thread.
#ifndef SAMEHOST_PLUGIN_BENCH_ZMQ_LINKS_H_
#define SAMEHOST_PLUGIN_BENCH_ZMQ_LINKS_H_

#include <cstdint>

namespace samehost::bench {

struct ZmqLinks {
  int count = 0;
  uint64_t bytes = 0;  // of memory behind them
  // Received over them, by either end.
  uint64_t messages = 0;
  uint64_t message_bytes = 0;
};

// Of this process. None, all zero, with the distribution's library.
ZmqLinks FindZmqLinks();

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_ZMQ_LINKS_H_
