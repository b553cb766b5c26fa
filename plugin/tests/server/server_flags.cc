#include "plugin/tests/server/server_flags.h"

#include <cstdio>
#include <cstdlib>
#include <functional>

namespace samehost::testing {
namespace {

using Setter = std::function<void(const std::string& value)>;

template <typename Number>
Setter To(Number& target) {
  return [&target](const std::string& value) { target = static_cast<Number>(std::stoll(value)); };
}
Setter To(std::string& target) {
  return [&target](const std::string& value) { target = value; };
}
Setter To(bool& target, bool meaning = true) {
  return [&target, meaning](const std::string&) { target = meaning; };
}
template <typename Number>
Setter To(std::vector<Number>& target) {
  return [&target](const std::string& value) {
    target.push_back(static_cast<Number>(std::stoll(value)));
  };
}
Setter To(std::vector<std::string>& target) {
  return [&target](const std::string& value) { target.push_back(value); };
}
Setter To(std::map<std::string, int>& target) {
  return [&target](const std::string& value) {
    size_t colon = value.rfind(':');
    target[value.substr(0, colon)] = std::stoi(value.substr(colon + 1));
  };
}

}  // namespace

ServerFlags ParseServerFlags(int argc, char** argv) {
  ServerFlags flags;
  const std::map<std::string, Setter> setters = {
      {"address", To(flags.addresses)},
      {"api", To(flags.api)},
      {"credentials", To(flags.credentials)},
      {"int_arg", To(flags.int_args)},
      {"health", To(flags.health)},
      {"reflection", To(flags.reflection)},
      {"channelz", To(flags.channelz)},
      {"interceptors", To(flags.interceptors)},
      {"max_receive", To(flags.max_receive)},
      {"max_send", To(flags.max_send)},
      {"quota_bytes", To(flags.quota_bytes)},
      {"compression", To(flags.compression)},
      {"pollers", To(flags.pollers)},
      {"uid", To(flags.uid)},
      {"parent", To(flags.parent)},
      {"disabled", To(flags.enabled, false)},
      {"directory", To(flags.directory)},
      {"ring", To(flags.ring)},
      {"max_ring", To(flags.max_ring)},
      {"allow_user", To(flags.allowed_users)},
      {"allow_group", To(flags.allowed_groups)},
  };
  for (int i = 1; i < argc; ++i) {
    std::string text = argv[i];
    size_t equals = text.find('=');
    auto setter = setters.find(text.substr(2, equals == std::string::npos ? equals : equals - 2));
    if (setter == setters.end()) {
      fprintf(stderr, "unknown flag %s\n", argv[i]);
      exit(2);
    }
    setter->second(equals == std::string::npos ? "" : text.substr(equals + 1));
  }
  return flags;
}

}  // namespace samehost::testing
