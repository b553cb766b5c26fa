#include "plugin/bench/worker_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "plugin/bench/bench_failure.h"
#include "plugin/bench/clock.h"

namespace samehost::bench {
namespace {

// For an answer: a slice and much more. A call that never ends must not hang the whole run.
constexpr int kPatienceSeconds = 300;

std::vector<std::string> CommandLine(const std::string& executable, const std::string& role,
                                     const WorkerOptions& options) {
  std::vector<std::string> line = {executable,     "grpc-worker",
                                   "--role",       role,
                                   "--control-fd", std::to_string(options.control_fd),
                                   "--cpu",        std::to_string(options.cpu)};
  if (options.raised_allocator) line.emplace_back("--raised-allocator");
  if (options.single_arena) line.emplace_back("--single-arena");
  return line;
}

pid_t Execute(std::vector<std::string> line, int inherited_fd) {
  std::vector<char*> arguments;
  for (std::string& word : line) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) FailErrno("fork");
  if (pid == 0) {
    ::fcntl(inherited_fd, F_SETFD, 0);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  return pid;
}

}  // namespace

WorkerProcess::WorkerProcess(const std::string& executable, const std::string& role,
                             WorkerOptions options)
    : role_(role) {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) FailErrno("socketpair");
  const timeval patience{.tv_sec = kPatienceSeconds, .tv_usec = 0};
  ::setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  pipe_ = MessagePipe(UniqueFd(fds[0]));
  const UniqueFd theirs(fds[1]);
  options.control_fd = theirs.get();
  pid_ = Execute(CommandLine(executable, role, options), theirs.get());
  const int error = ::clock_getcpuclockid(pid_, &cpu_clock_);
  if (error != 0) FailErrno("CPU clock of the " + role, error);
}

WorkerProcess::~WorkerProcess() {
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

nlohmann::json WorkerProcess::Call(const nlohmann::json& command) {
  Begin(command);
  return Finish();
}

nlohmann::json WorkerProcess::Finish() {
  std::optional<nlohmann::json> answer = pipe_.Receive();
  if (!answer) throw BenchFailure("the " + role_ + " process died");
  if (answer->contains("error")) {
    throw BenchFailure(role_ + ": " + answer->at("error").get<std::string>());
  }
  return *std::move(answer);
}

uint64_t WorkerProcess::CpuNs() const { return ReadClock(cpu_clock_); }

}  // namespace samehost::bench
