#include "plugin/cli/installation.h"

#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <initializer_list>

namespace samehost::cli {
namespace {

std::string OwnFolder() {
  char path[PATH_MAX];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
  if (length <= 0) return "";
  const std::string text(path, static_cast<size_t>(length));
  return text.substr(0, text.rfind('/'));
}

// The first of these, relative to the folder of this program, that is there; without "..".
std::string FirstOf(const std::string& folder, std::initializer_list<const char*> candidates) {
  for (const char* candidate : candidates) {
    const std::string path = folder + "/" + candidate;
    char resolved[PATH_MAX];
    if (realpath(path.c_str(), resolved) == nullptr) continue;
    // By the name that was asked for, which for a library is the one that programs need.
    const std::string name = path.substr(path.rfind('/') + 1);
    char parent[PATH_MAX];
    if (realpath(path.substr(0, path.rfind('/')).c_str(), parent) == nullptr) continue;
    return std::string(parent) + "/" + name;
  }
  return "";
}

}  // namespace

Installation FindInstallation() {
  const std::string folder = OwnFolder();
  Installation out;
  out.preload = FirstOf(folder, {"../" SAMEHOST_LIBDIR "/samehost/libsamehost-preload.so",
                                 "../preload/libsamehost-preload.so"});
  out.grpc = FirstOf(
      folder, {"../" SAMEHOST_LIBDIR "/" SAMEHOST_GRPC_LIBRARY, "../grpc/" SAMEHOST_GRPC_LIBRARY});
  const std::string zmq =
      FirstOf(folder, {"../" SAMEHOST_LIBDIR "/samehost/libzmq.so.5", "../../zmq/libzmq.so.5"});
  out.zmq_folder = zmq.substr(0, zmq.empty() ? 0 : zmq.rfind('/'));
  return out;
}

}  // namespace samehost::cli
