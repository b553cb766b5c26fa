#include "plugin/bench/background_load.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "plugin/bench/bench_failure.h"

namespace samehost::bench {
namespace {

[[noreturn]] void Compute(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);  // it has ended already
  for (volatile unsigned n = 0;;) n = n + 1;
}

}  // namespace

BackgroundLoad::BackgroundLoad(int count) {
  const pid_t self = ::getpid();
  for (int i = 0; i < count; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) Compute(self);
    if (pid < 0) {
      const int error = errno;
      End();
      FailErrno("fork", error);
    }
    pids_.push_back(pid);
  }
}

BackgroundLoad::~BackgroundLoad() { End(); }

void BackgroundLoad::End() {
  for (const pid_t pid : pids_) ::kill(pid, SIGKILL);
  for (const pid_t pid : pids_) {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

}  // namespace samehost::bench
