#include "interop-tests/programs/flags.h"

#include <cstdio>
#include <cstdlib>

namespace samehost::interop {

Flags ParseFlags(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i < argc; ++i) {
    const std::string text = argv[i];
    const size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
    if (name == "--listen") {
      flags.listen.push_back(value);
    } else if (name == "--target") {
      flags.target = value;
    } else if (name == "--name") {
      flags.name = value;
    } else if (name == "--journal") {
      flags.journal = value;
    } else if (name == "--patience") {
      flags.patience_s = std::stoi(value);
    } else if (name == "--round_robin") {
      flags.round_robin = true;
    } else if (name == "--allow_user") {
      flags.allowed_users.push_back(static_cast<uid_t>(std::stoul(value)));
    } else if (name == "--versions") {
      flags.version_min = static_cast<uint32_t>(std::stoul(value));
      flags.version_max = static_cast<uint32_t>(std::stoul(value.substr(value.find('-') + 1)));
    } else {
      fprintf(stderr, "unknown flag %s\n", argv[i]);
      exit(2);
    }
  }
  return flags;
}

}  // namespace samehost::interop
