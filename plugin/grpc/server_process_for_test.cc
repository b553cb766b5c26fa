#include "plugin/grpc/server_process_for_test.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <samehost/grpc.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin/grpc/echo_for_test.h"

extern char** environ;

namespace samehost::grpc_transport::testing {
namespace {

constexpr char kDirectoryVariable[] = "SAMEHOST_TEST_DIRECTORY";
constexpr int kReportFd = 3;
constexpr int kStayFd = 4;

// Not a test: what the server process runs. Reports its port, stays until its input ends.
TEST(DISABLED_ServerProcess, Run) {
  Options options;
  options.directory = getenv(kDirectoryVariable);
  EchoServer server("127.0.0.1:0", ServerCredentials(options));
  const int port = server.port();
  ASSERT_EQ(write(kReportFd, &port, sizeof(port)), static_cast<ssize_t>(sizeof(port)));
  char byte = 0;
  (void)!read(kStayFd, &byte, 1);
}

}  // namespace

ServerProcess::ServerProcess(const std::string& directory) {
  int report[2];
  int stay[2];
  if (pipe2(report, O_CLOEXEC) != 0 || pipe2(stay, O_CLOEXEC) != 0) abort();
  UniqueFd report_out(report[1]);
  const UniqueFd stay_in(stay[0]);
  const UniqueFd report_in(report[0]);
  stay_ = UniqueFd(stay[1]);
  setenv(kDirectoryVariable, directory.c_str(), 1);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // By way of high numbers: either may be where the other has to go.
  posix_spawn_file_actions_adddup2(&actions, report_out.get(), 1000);
  posix_spawn_file_actions_adddup2(&actions, stay_in.get(), 1001);
  posix_spawn_file_actions_adddup2(&actions, 1000, kReportFd);
  posix_spawn_file_actions_adddup2(&actions, 1001, kStayFd);
  posix_spawn_file_actions_addclose(&actions, 1000);
  posix_spawn_file_actions_addclose(&actions, 1001);
  char self[] = "/proc/self/exe";
  char filter[] = "--gtest_filter=DISABLED_ServerProcess.Run";
  char also[] = "--gtest_also_run_disabled_tests";
  char* arguments[] = {self, filter, also, nullptr};
  if (posix_spawn(&pid_, self, &actions, nullptr, arguments, environ) != 0) abort();
  posix_spawn_file_actions_destroy(&actions);
  report_out.Reset();
  if (read(report_in.get(), &port_, sizeof(port_)) != sizeof(port_)) port_ = 0;
}

ServerProcess::~ServerProcess() {
  stay_.Reset();
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
}

void ServerProcess::Kill() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

void ServerProcess::Stop() {
  kill(pid_, SIGSTOP);
  int status = 0;
  if (waitpid(pid_, &status, WUNTRACED) != pid_ || !WIFSTOPPED(status)) abort();
}

void ServerProcess::Continue() { kill(pid_, SIGCONT); }

}  // namespace samehost::grpc_transport::testing
