// What a ZeroMQ program with samehost knows more than a stock one. Nothing here makes it one: that
// is the library that it is linked to.
#ifndef SAMEHOST_INTEROP_TESTS_PROGRAMS_ZMQ_SAMEHOST_H_
#define SAMEHOST_INTEROP_TESTS_PROGRAMS_ZMQ_SAMEHOST_H_

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "interop-tests/programs/flags.h"

namespace samehost::interop {

// As --versions says. Ends the program where that cannot be: only the -versions programs can.
void SpeakVersions(const Flags& flags);

// Tells which messages came through which link, by looking at the links' counters before and after
// one is received. One thread.
class Arrivals {
 public:
  // Before the socket is looked at.
  void Begin();
  // One message has been received since. As the reply has it: `peer` and `peer_properties`; empty:
  // it did not come through a link.
  nlohmann::json End();

 private:
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> received_;  // by link
};

}  // namespace samehost::interop

#endif  // SAMEHOST_INTEROP_TESTS_PROGRAMS_ZMQ_SAMEHOST_H_
