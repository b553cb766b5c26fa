#include "plugin/bench/worker_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "plugin/bench/bench_failure.h"
#include "plugin/bench/clock.h"

namespace samehost::bench {
namespace {

WorkerCommand GrpcWorker(const std::string& executable, const std::string& role,
                         const WorkerOptions& options) {
  WorkerCommand command;
  command.arguments = {executable, "grpc-worker", "--role",
                       role,       "--cpu",       std::to_string(options.cpu)};
  if (options.raised_allocator) command.arguments.emplace_back("--raised-allocator");
  if (options.single_arena) command.arguments.emplace_back("--single-arena");
  return command;
}

pid_t Execute(WorkerCommand command) {
  std::vector<char*> arguments;
  for (std::string& word : command.arguments) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) FailErrno("fork");
  if (pid == 0) {
    for (int fd : command.inherited_fds) ::fcntl(fd, F_SETFD, 0);
    for (std::string& variable : command.environment) ::putenv(variable.data());
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  return pid;
}

}  // namespace

WorkerProcess::WorkerProcess(const std::string& executable, const std::string& role,
                             const WorkerOptions& options)
    : WorkerProcess(role, GrpcWorker(executable, role, options)) {}

WorkerProcess::WorkerProcess(const std::string& role, WorkerCommand command) : role_(role) {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) FailErrno("socketpair");
  const timeval patience{.tv_sec = command.patience_seconds, .tv_usec = 0};
  ::setsockopt(fds[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  pipe_ = MessagePipe(UniqueFd(fds[0]));
  const UniqueFd theirs(fds[1]);
  command.arguments.insert(command.arguments.end(), {"--control-fd", std::to_string(theirs.get())});
  command.inherited_fds.push_back(theirs.get());
  pid_ = Execute(std::move(command));
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
  if (!answer) throw BenchFailure("the process that was the " + role_ + " has ended unexpectedly");
  if (answer->contains("error")) {
    throw BenchFailure(role_ + ": " + answer->at("error").get<std::string>());
  }
  return *std::move(answer);
}

uint64_t WorkerProcess::CpuNs() const { return ReadClock(cpu_clock_); }

}  // namespace samehost::bench
