// Eventually: a condition that comes true by itself, looked at again and again. The bound is a
// watchdog only.
#ifndef SAMEHOST_PLUGIN_ZMQ_TESTING_EVENTUALLY_H_
#define SAMEHOST_PLUGIN_ZMQ_TESTING_EVENTUALLY_H_

#include <unistd.h>

namespace samehost::zmq_transport::testing {

template <typename Condition>
bool Eventually(Condition condition) {
  for (int i = 0; i < 6000; ++i) {
    if (condition()) return true;
    usleep(10'000);
  }
  return false;
}

}  // namespace samehost::zmq_transport::testing

#endif  // SAMEHOST_PLUGIN_ZMQ_TESTING_EVENTUALLY_H_
