// ClientFlags: the command line of behaviour_client.
#ifndef SAMEHOST_PLUGIN_TESTS_CLIENT_CLIENT_FLAGS_H_
#define SAMEHOST_PLUGIN_TESTS_CLIENT_CLIENT_FLAGS_H_

#include <sys/types.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace samehost::testing {

struct ClientFlags {
  bool stock = false;
  int64_t uid = -1;
  pid_t parent = 0;
  std::string directory;
  std::vector<uid_t> allowed_users;
  size_t ring = 0;
  int keepalive_ms = 0;
  int timeout_ms = 30000;
};

inline ClientFlags ParseClientFlags(int argc, char** argv) {
  ClientFlags flags;
  for (int i = 1; i < argc; ++i) {
    std::string text = argv[i];
    size_t equals = text.find('=');
    std::string name = text.substr(0, equals);
    std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (name == "--stock") {
      flags.stock = true;
    } else if (name == "--uid") {
      flags.uid = std::stoll(value);
    } else if (name == "--parent") {
      flags.parent = std::stoi(value);
    } else if (name == "--directory") {
      flags.directory = value;
    } else if (name == "--allow_user") {
      flags.allowed_users.push_back(static_cast<uid_t>(std::stoul(value)));
    } else if (name == "--ring") {
      flags.ring = std::stoull(value);
    } else if (name == "--keepalive") {
      flags.keepalive_ms = std::stoi(value);
    } else if (name == "--timeout") {
      flags.timeout_ms = std::stoi(value);
    } else {
      fprintf(stderr, "unknown flag %s\n", argv[i]);
      exit(2);
    }
  }
  return flags;
}

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_CLIENT_CLIENT_FLAGS_H_
