#include "plugin/bench/helper_programs.h"

#include <unistd.h>

#include "plugin/bench/bench_failure.h"

// SAMEHOST_BENCH_HELPERS and SAMEHOST_BENCH_ZMQ: the folders of an installation, from that of
// samehost-bench, by CMake.
namespace samehost::bench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kBuildTreeZmq = "../../zmq";

fs::path From(const char* relative) {
  return (OwnProgram().parent_path() / relative).lexically_normal();
}

std::string NeitherNor(const fs::path& first, const fs::path& second) {
  return "which is neither in " + first.string() + " nor in " + second.string() +
         ". This installation is not complete; install ";
}

}  // namespace

fs::path OwnProgram() { return fs::read_symlink("/proc/self/exe"); }

std::string FindHelper(const std::string& name) {
  for (const fs::path& folder : {OwnProgram().parent_path(), From(SAMEHOST_BENCH_HELPERS)}) {
    const fs::path file = folder / name;
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

std::string FindSamehostZmq() {
  for (const char* place : {kBuildTreeZmq, SAMEHOST_BENCH_ZMQ}) {
    const fs::path folder = From(place);
    if (::access((folder / "libzmq.so.5").c_str(), R_OK) == 0) return folder;
  }
  return {};
}

std::string MissingHelper(const std::string& name) {
  return "it needs its helper program " + name + ", " +
         NeitherNor(OwnProgram().parent_path(), From(SAMEHOST_BENCH_HELPERS)) +
         "samehost-bench again";
}

std::string MissingSamehostZmq() {
  return "it needs samehost's libzmq.so.5, " +
         NeitherNor(From(kBuildTreeZmq), From(SAMEHOST_BENCH_ZMQ)) + "samehost with ZeroMQ";
}

std::string RequireHelper(const std::string& name) {
  std::string file = FindHelper(name);
  if (file.empty()) throw BenchFailure(MissingHelper(name));
  return file;
}

std::string RequireSamehostZmq() {
  std::string folder = FindSamehostZmq();
  if (folder.empty()) throw BenchFailure(MissingSamehostZmq());
  return folder;
}

}  // namespace samehost::bench
