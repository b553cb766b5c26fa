// ServerFlags: the command line of behaviour_server, "--name=value" each. Unknown flags end the
// program with a message.
#ifndef SAMEHOST_PLUGIN_TESTS_SERVER_SERVER_FLAGS_H_
#define SAMEHOST_PLUGIN_TESTS_SERVER_SERVER_FLAGS_H_

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace samehost::testing {

struct ServerFlags {
  std::vector<std::string> addresses;    // --address=unix:/path, --address=host:port; repeated
  std::string api = "Sync";              // --api: name of an Api
  std::string credentials = "insecure";  // --credentials: insecure, local
  std::map<std::string, int> int_args;   // --int_arg=name:value: channel arguments; repeated
  bool health = false;                   // --health: the default health service
  bool reflection = false;
  bool channelz = false;
  bool interceptors = false;  // --interceptors: counts through server interceptors
  int max_receive = 0;        // --max_receive, --max_send: message sizes in bytes; 0: default
  int max_send = 0;
  int64_t quota_bytes = 0;  // --quota_bytes: ResourceQuota
  int compression = -1;     // --compression: default algorithm of the server
  int pollers = 0;          // --pollers: maximum of the sync server
  int64_t uid = -1;         // --uid: becomes this user before anything else
  pid_t parent = 0;
  // samehost::Options
  bool enabled = true;  // --disabled
  std::string directory;
  size_t ring = 0, max_ring = 0;
  std::vector<uid_t> allowed_users;   // --allow_user; repeated
  std::vector<gid_t> allowed_groups;  // --allow_group; repeated
};

ServerFlags ParseServerFlags(int argc, char** argv);

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_SERVER_SERVER_FLAGS_H_
