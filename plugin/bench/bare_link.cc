#include "plugin/bench/bare_link.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>

#include "plugin/bench/bench_failure.h"

namespace samehost::bench {
namespace {

constexpr int kMaxRounds = 5;

}  // namespace

nlohmann::json RunBareLink(const RunOptions& options) {
  const std::string& program = options.link_executable;
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
  if (::waitpid(pid, &status, 0) != pid) FailErrno("wait for samehost-bench-link");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw BenchFailure("samehost-bench-link failed");
  std::ifstream in(file);
  return nlohmann::json::parse(in);
}

}  // namespace samehost::bench
