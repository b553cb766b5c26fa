#include "plugin/cli/left_alone.h"

#include <map>
#include <string>
#include <string_view>

#include "plugin/cli/installation.h"
#include "plugin/cli/program_file.h"

namespace samehost::cli {
namespace {

std::string_view NameOf(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool StartsWith(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// A library of this stem: "libgrpc.so.29.0.0", and a wheel's "libgrpc-1a2b3c.so.5".
bool IsLibrary(std::string_view name, std::string_view stem) {
  if (!StartsWith(name, stem)) return false;
  const std::string_view rest = name.substr(stem.size());
  return StartsWith(rest, ".so") || StartsWith(rest, "-");
}

// Reading a whole program takes a while: once for each file is enough.
bool RemembersGrpc(const MappedFile& file) {
  static std::map<std::pair<uint64_t, uint64_t>, bool> known;
  const auto key = std::make_pair(file.device, file.inode);
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  return known[key] = HoldsGrpc(file.path);
}

struct Loaded {
  bool preload = false;
  bool samehost_grpc = false;
  const MappedFile* grpc = nullptr;
  const MappedFile* other_grpc = nullptr;
  const MappedFile* zmq = nullptr;
  bool samehost_zmq = false;
  const MappedFile* program = nullptr;
};

Loaded WhatIsLoaded(const std::vector<MappedFile>& files, const std::string& program) {
  Loaded out;
  for (const MappedFile& file : files) {
    const std::string_view name = NameOf(file.path);
    if (name == kPreloadName) out.preload = true;
    if (name.find(SAMEHOST_GRPC_LIBRARY) != std::string_view::npos) out.samehost_grpc = true;
    if (IsLibrary(name, "libgrpc")) {
      (StartsWith(name, SAMEHOST_GRPC_SONAME) ? out.grpc : out.other_grpc) = &file;
    }
    if (IsLibrary(name, "libgrpc_unsecure")) out.other_grpc = &file;
    if (IsLibrary(name, "libzmq")) {
      out.zmq = &file;
      out.samehost_zmq = IsSamehostZmq(file.path);
    }
    if (file.path == program) out.program = &file;
  }
  return out;
}

}  // namespace

std::vector<LeftAlone> FindLeftAlone(const Process& process, const std::vector<MappedFile>& files) {
  std::vector<LeftAlone> out;
  const Loaded loaded = WhatIsLoaded(files, ProgramOf(process.pid));
  if (!loaded.preload) return out;
  if (loaded.other_grpc != nullptr) {
    out.push_back({process, "grpc",
                   loaded.other_grpc->path + " is not the gRPC that samehost was built for (" +
                       SAMEHOST_GRPC_SONAME ", " SAMEHOST_GRPC_CORE_VERSION + ")"});
  }
  if (loaded.grpc != nullptr && !loaded.samehost_grpc) {
    out.push_back({process, "grpc",
                   "samehost's library is not loaded: the process has not used gRPC so far, or "
                   "SAMEHOST=off, or the library is not to be found from where it runs (chroot)"});
  }
  if (loaded.grpc == nullptr && loaded.other_grpc == nullptr && loaded.program != nullptr &&
      RemembersGrpc(*loaded.program)) {
    out.push_back(
        {process, "grpc", "a copy of gRPC is part of the program " + loaded.program->path});
  }
  if (loaded.zmq != nullptr && !loaded.samehost_zmq && !FindInstallation().zmq_folder.empty()) {
    out.push_back({process, "zmq",
                   "the program brings along its own libzmq, " + loaded.zmq->path +
                       ": it was not found through the library path"});
  }
  return out;
}

}  // namespace samehost::cli
