// CheckInstallation(): the libraries, and whether they go together. They are opened in a process of
// its own, so that their initialisers run in no process that goes on.
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>

#include "plugin/base/unique_fd.h"
#include "plugin/cli/finding.h"
#include "plugin/cli/installation.h"
#include "plugin/cli/outdated.h"
#include "plugin/cli/proc.h"

namespace samehost::cli {
namespace {

// What `ask` says in a forked child; empty when the child did not come to an answer.
std::string InChild(const std::function<std::string()>& ask) {
  int ends[2];
  if (pipe(ends) != 0) return "";
  UniqueFd in(ends[0]);
  UniqueFd out(ends[1]);
  const pid_t child = fork();
  if (child == 0) {
    const std::string answer = ask();
    (void)!write(out.get(), answer.data(), answer.size());
    _exit(0);
  }
  out.Reset();
  std::string answer;
  char buffer[512];
  for (;;) {
    const ssize_t got = read(in.get(), buffer, sizeof(buffer));
    if (got <= 0) break;
    answer.append(buffer, static_cast<size_t>(got));
  }
  if (child > 0) waitpid(child, nullptr, 0);
  return Printable(answer);
}

// "version" or "!why not".
std::string GrpcVersion() {
  return InChild([]() -> std::string {
    void* handle = dlopen(SAMEHOST_GRPC_SONAME, RTLD_LAZY);
    if (handle == nullptr) return std::string("!") + dlerror();
    using Version = const char* (*)();
    const auto version = reinterpret_cast<Version>(dlsym(handle, "grpc_version_string"));
    return version != nullptr ? version() : "!no grpc_version_string";
  });
}

Finding OfGrpc() {
  const std::string version = GrpcVersion();
  if (version == SAMEHOST_GRPC_CORE_VERSION) {
    return {Grade::kGood, "gRPC", SAMEHOST_GRPC_SONAME ", core " + version + ", as built for", ""};
  }
  if (version.empty() || version[0] == '!') {
    return {Grade::kNote, "gRPC", version.empty() ? "it could not be opened" : version.substr(1),
            "programs that bring gRPC along under this name are served all the same"};
  }
  return {Grade::kBad, "gRPC",
          SAMEHOST_GRPC_SONAME " is core " + version + ", samehost was built for " +
              SAMEHOST_GRPC_CORE_VERSION,
          "build samehost again"};
}

Finding OfLibrary(const Installation& installation) {
  if (installation.grpc.empty()) {
    return {Grade::kBad, "samehost's gRPC library", SAMEHOST_GRPC_LIBRARY " is not installed",
            "install it beside the command"};
  }
  const std::string trouble = InChild([&]() -> std::string {
    // Every symbol now: one that the installed gRPC lacks shows here.
    return dlopen(installation.grpc.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr ? "fits" : dlerror();
  });
  if (trouble == "fits") {
    return {Grade::kGood, "samehost's gRPC library", installation.grpc + " fits the gRPC here", ""};
  }
  return {Grade::kBad, "samehost's gRPC library", trouble.empty() ? "it crashes" : trouble,
          "build samehost again for the installed gRPC"};
}

Finding OfPreload(const Installation& installation) {
  if (!installation.preload.empty()) {
    return {Grade::kGood, "samehost run", installation.preload, ""};
  }
  return {Grade::kBad, "samehost run", "libsamehost-preload.so is not installed",
          "install it where the command looks: ../" SAMEHOST_LIBDIR " from its own folder"};
}

std::string ZmqVersion(const std::string& library) {
  return InChild([&]() -> std::string {
    void* handle = dlopen(library.c_str(), RTLD_LAZY);
    if (handle == nullptr) return "";
    using Version = void (*)(int*, int*, int*);
    const auto version = reinterpret_cast<Version>(dlsym(handle, "zmq_version"));
    if (version == nullptr) return "";
    int parts[3] = {0, 0, 0};
    version(&parts[0], &parts[1], &parts[2]);
    return std::to_string(parts[0]) + "." + std::to_string(parts[1]) + "." +
           std::to_string(parts[2]);
  });
}

Finding OfZmq(const Installation& installation) {
  if (installation.zmq_folder.empty()) {
    return {Grade::kNote, "ZeroMQ", "no libzmq of samehost's is installed",
            "programs with libzmq stay on sockets"};
  }
  const std::string ours = ZmqVersion(installation.zmq_folder + "/libzmq.so.5");
  if (ours.empty()) {
    return {Grade::kBad, "ZeroMQ", installation.zmq_folder + "/libzmq.so.5 cannot be opened",
            "install samehost again"};
  }
  const std::string stock = ZmqVersion("libzmq.so.5");
  const std::string text =
      "libzmq " + ours + " of samehost's" +
      (stock.empty() ? ", none of the system's" : ", the system's is " + stock);
  if (!stock.empty() && stock != ours) {
    return {Grade::kNote, "ZeroMQ", text, "build samehost again for the same version"};
  }
  return {Grade::kGood, "ZeroMQ", text, ""};
}

Finding OfSource(const BuiltFrom& library) {
  const std::string what =
      std::string("updates of ") + (library.library == "zmq" ? "ZeroMQ" : "gRPC");
  if (library.IsOutdated()) {
    return {Grade::kNote, what, WhatIsMissing(library), "update samehost, or build it again"};
  }
  if (library.source.empty()) {
    return {
        Grade::kNote, what,
        library.path + " does not say which version of the distribution's source it is built from",
        "whether it lacks a security update cannot be told"};
  }
  const std::string installed =
      library.installed ? library.installed->name + " " + library.installed->source_version
                        : "no package of it that dpkg knows";
  return {Grade::kGood, what,
          library.path + " is built " + (library.library == "zmq" ? "from " : "for ") +
              library.source + ", installed is " + installed,
          ""};
}

}  // namespace

Findings CheckInstallation() {
  const Installation installation = FindInstallation();
  Findings out;
  if (kWithGrpc) {
    out = {OfGrpc(), OfLibrary(installation), OfPreload(installation)};
  } else {
    out = {{Grade::kNote, "gRPC", "this samehost was built without it",
            "programs with gRPC stay on sockets"}};
  }
  out.push_back(OfZmq(installation));
  for (const BuiltFrom& library : FindBuiltFrom(installation)) out.push_back(OfSource(library));
  return out;
}

}  // namespace samehost::cli
