#include "interop-tests/programs/zmq_samehost.h"
#include "plugin/rendezvous/handshake.h"

namespace samehost::interop {

void SpeakVersions(const Flags& flags) {
  if (flags.version_max == 0) return;
  rendezvous::SetSpokenVersionsForTest({flags.version_min, flags.version_max});
}

}  // namespace samehost::interop
