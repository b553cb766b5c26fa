#include "plugin/bench/bare_link.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "plugin/bench/bench_failure.h"

namespace samehost::bench {
namespace {

constexpr const char* kProgram = "link_benchmark";
constexpr int kMaxRounds = 5;

std::string FindProgram(const RunOptions& options) {
  const std::filesystem::path here =
      std::filesystem::path(options.samehost_executable).parent_path();
  for (const std::filesystem::path& place : {here / kProgram, here / ".." / "shm" / kProgram}) {
    if (::access(place.c_str(), X_OK) == 0) return place;
  }
  return {};
}

}  // namespace

nlohmann::json RunBareLink(const RunOptions& options) {
  std::string program = FindProgram(options);
  if (program.empty()) return nullptr;
  std::string file = options.directory + "/link.json";
  std::string rounds = std::to_string(std::min(options.rounds, kMaxRounds));
  std::fflush(stdout);
  const pid_t pid = ::fork();
  if (pid < 0) FailErrno("fork");
  if (pid == 0) {
    ::execl(program.c_str(), program.c_str(), "--rounds", rounds.c_str(), "--json", file.c_str(),
            nullptr);
    ::_exit(127);
  }
  int status = 0;
  if (::waitpid(pid, &status, 0) != pid) FailErrno("wait for link_benchmark");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw BenchFailure("link_benchmark failed");
  std::ifstream in(file);
  return nlohmann::json::parse(in);
}

}  // namespace samehost::bench
