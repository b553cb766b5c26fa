#include "plugin/cli/left_alone.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "plugin/cli/installation.h"
#include "plugin/cli/mapped_library.h"

namespace samehost::cli {
namespace {

std::string_view NameOf(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// A library of this stem: "libgrpc.so.29.0.0", and a wheel's "libgrpc-1a2b3c.so.5".
bool IsLibrary(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem)) return false;
  const std::string_view rest = name.substr(stem.size());
  return rest.starts_with(".so") || rest.starts_with("-");
}

// Without the kernel's remark on a file that has been replaced since it was mapped.
std::string_view WithoutDeleted(std::string_view path) {
  constexpr std::string_view kDeleted = " (deleted)";
  return path.ends_with(kDeleted) ? path.substr(0, path.size() - kDeleted.size()) : path;
}

struct Loaded {
  bool samehost_grpc = false;
  const MappedFile* grpc = nullptr;
  const MappedFile* other_grpc = nullptr;
  std::vector<const MappedFile*> zmq;       // libraries of that name that are not samehost's
  std::vector<const MappedFile*> the_rest;  // programs, modules, other libraries
};

// By names, which cost nothing, and by samehost's notes.
Loaded WhatIsLoaded(const Process& process, const std::vector<MappedFile>& files) {
  Loaded out;
  for (const MappedFile& file : files) {
    const std::string_view name = NameOf(WithoutDeleted(file.path));
    const auto note = NoteOf(process.pid, file);
    if (note && note->library == "grpc") out.samehost_grpc = true;
    if (note) continue;
    if (IsLibrary(name, "libgrpc_unsecure")) {
      out.other_grpc = &file;
    } else if (IsLibrary(name, "libgrpc")) {
      (name.starts_with(SAMEHOST_GRPC_SONAME) ? out.grpc : out.other_grpc) = &file;
    } else if (IsLibrary(name, "libzmq")) {
      out.zmq.push_back(&file);
    } else {
      out.the_rest.push_back(&file);
    }
  }
  return out;
}

std::string AboutLibzmq(const MappedFile& file) {
  return "the program brings along its own libzmq, " + file.path +
         ", or the library path did not lead to samehost's (--no-zmq)";
}

// gRPC and ZeroMQ as parts of other files.
void AddOwnCopies(const Process& process, const Loaded& loaded, std::vector<LeftAlone>* out) {
  const std::string program = ProgramOf(process.pid);
  for (const MappedFile* file : loaded.the_rest) {
    const OwnCopy own = OwnCopyIn(process.pid, *file);
    const std::string where =
        (file->path == program ? " is part of the program " : " is part of the module ") +
        file->path;
    if (own.grpc) out->push_back({process, "grpc", "a copy of gRPC" + where});
    if (own.zmq) out->push_back({process, "zmq", "a copy of libzmq" + where});
  }
}

}  // namespace

std::vector<LeftAlone> FindLeftAlone(const Process& process, const std::vector<MappedFile>& files) {
  std::vector<LeftAlone> out;
  const bool under_run = std::any_of(files.begin(), files.end(), [](const MappedFile& file) {
    return NameOf(WithoutDeleted(file.path)) == kPreloadName;
  });
  if (!under_run) return out;
  const Loaded loaded = WhatIsLoaded(process, files);
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
  for (const MappedFile* file : loaded.zmq) out.push_back({process, "zmq", AboutLibzmq(*file)});
  AddOwnCopies(process, loaded, &out);
  return out;
}

}  // namespace samehost::cli
