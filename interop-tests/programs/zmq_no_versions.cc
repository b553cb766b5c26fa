#include <cstdio>
#include <cstdlib>

#include "interop-tests/programs/zmq_samehost.h"

namespace samehost::interop {

void SpeakVersions(const Flags& flags) {
  if (flags.version_max == 0) return;
  fprintf(stderr, "--versions is for interop-zmq-versions-client and -server\n");
  exit(2);
}

}  // namespace samehost::interop
