// Flags: the command line of the programs of the container scenarios, "--name=value" each.
#ifndef SAMEHOST_INTEROP_TESTS_PROGRAMS_FLAGS_H_
#define SAMEHOST_INTEROP_TESTS_PROGRAMS_FLAGS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace samehost::interop {

struct Flags {
  std::vector<std::string> listen;   // --listen=ADDRESS, server; repeated
  std::string target;                // --target=ADDRESS, client
  std::string name;                  // --name: of the server, in its replies
  std::string journal;               // --journal=FILE: every answered id, a line each
  int patience_s = 60;               // --patience=SECONDS, client: deadline of its calls
  bool round_robin = false;          // --round_robin: over all addresses of the name
  std::vector<uid_t> allowed_users;  // --allow_user=UID; repeated
  // --versions=MIN-MAX: the versions of samehost's protocol that this process claims to speak.
  uint32_t version_min = 0, version_max = 0;
};

// Ends the program with a message where a flag makes no sense.
Flags ParseFlags(int argc, char** argv);

}  // namespace samehost::interop

#endif  // SAMEHOST_INTEROP_TESTS_PROGRAMS_FLAGS_H_
