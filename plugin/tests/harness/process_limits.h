// What a program of the harness does to its own process before and while it runs: other user, tight
// limits, death together with the test.
#ifndef SAMEHOST_PLUGIN_TESTS_HARNESS_PROCESS_LIMITS_H_
#define SAMEHOST_PLUGIN_TESTS_HARNESS_PROCESS_LIMITS_H_

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>

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

// From now on exactly this many more descriptors can be opened. (The limit is one on their
// numbers.)
inline void LimitDescriptors(int64_t more) {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  rlim_t end = 0;
  for (; more > 0; ++end) more -= fcntl(static_cast<int>(end), F_GETFD) < 0;
  limit.rlim_cur = end;
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
