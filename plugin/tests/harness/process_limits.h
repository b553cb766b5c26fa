// What a program of the harness does to its own process before and while it runs: other user, tight
// limits, death together with the test.
#ifndef SAMEHOST_PLUGIN_TESTS_HARNESS_PROCESS_LIMITS_H_
#define SAMEHOST_PLUGIN_TESTS_HARNESS_PROCESS_LIMITS_H_

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iterator>

namespace samehost::testing {

// Ends this process when its parent ends. The pid tells a parent that has ended already.
inline void DieWithParent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (parent != 0 && getppid() != parent) _exit(3);
}

// Groups too. Keeps /proc/self readable and dying with the parent, both of which a change of user
// resets.
inline void BecomeUser(int64_t id) {
  uid_t uid = static_cast<uid_t>(id);
  if (setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0) perror("setresuid");
  prctl(PR_SET_DUMPABLE, 1);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}

// From now on this many more descriptors can be opened. Those that are open need not be dense.
inline void LimitDescriptors(int64_t more) {
  namespace fs = std::filesystem;
  int64_t open = std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = static_cast<rlim_t>(open + more);
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) perror("setrlimit");
}

// A child that only waits to be killed, with everything it inherited. The alarm ends it when the
// test that should have killed it has failed.
inline pid_t ForkIdleChild() {
  pid_t child = fork();
  if (child == 0) {
    alarm(200);
    for (;;) pause();
  }
  return child;
}

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_HARNESS_PROCESS_LIMITS_H_
