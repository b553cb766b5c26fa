// CheckKernel(): the features that shared memory rests on.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstring>

#include "plugin/base/cgroup.h"
#include "plugin/base/mapping.h"
#include "plugin/base/unique_fd.h"
#include "plugin/cli/finding.h"
#include "plugin/rendezvous/kernel_query.h"
#include "plugin/shm/segment.h"

namespace samehost::cli {
namespace {

Finding OfSealedMemory() {
  const auto fd = shm::MakeSealedMemory(shm::kLinkMemoryName, PageBytes());
  const Status checked = fd ? shm::CheckSealedMemory(fd->get(), PageBytes()) : fd.error();
  if (checked) return {Grade::kGood, "sealed memory", "memfd_create, fallocate and seals work", ""};
  return {Grade::kBad, "sealed memory", ToString(checked.error()),
          "use Linux 5.10 or newer, and do not forbid memfd_create (seccomp)"};
}

Finding OfLentMemory() {
  const auto block = shm::MakeBlockMemory(PageBytes());
  if (block) return {Grade::kGood, "large messages", "F_SEAL_FUTURE_WRITE works", ""};
  return {Grade::kNote, "large messages", ToString(block.error()) + ": they are copied once more",
          "use Linux 5.1 or newer"};
}

Finding OfDoorbells() {
  const UniqueFd fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (fd.valid()) return {Grade::kGood, "doorbells", "eventfd works", ""};
  return {Grade::kBad, "doorbells", std::string("eventfd: ") + std::strerror(errno),
          "raise the limit of open files, or allow eventfd (seccomp)"};
}

Finding OfPeerDeath() {
  const UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  if (fd.valid()) return {Grade::kGood, "end of a peer", "pidfd_open works", ""};
  return {Grade::kNote, "end of a peer",
          std::string("pidfd_open: ") + std::strerror(errno) +
              ": a dead peer whose child keeps its sockets is noticed late",
          "use Linux 5.3 or newer"};
}

Finding OfListeners() {
  rendezvous::IpEndpoint loopback;
  loopback.ip[10] = loopback.ip[11] = 0xff;
  loopback.ip[12] = 127;
  loopback.ip[15] = 1;
  loopback.port = 1;
  const auto local = rendezvous::IsLocalAddress(loopback);
  const auto listener = rendezvous::FindTcpListener(loopback);
  if (local && *local && listener) {
    return {Grade::kGood, "sockets of this host", "the kernel tells who listens where", ""};
  }
  const std::string why = !local      ? ToString(local.error())
                          : !listener ? ToString(listener.error())
                                      : "127.0.0.1 is no local address";
  return {Grade::kBad, "sockets of this host", why,
          "bring the loopback interface up, and allow netlink sockets or mount /proc"};
}

Finding OfProcesses() {
  if (access("/proc/self/fd", R_OK | X_OK) != 0) {
    return {Grade::kBad, "/proc", std::strerror(errno), "mount /proc"};
  }
  // Only for programs that closed the descriptors of their links.
  const auto scope = ReadNumber("/proc/sys/kernel/yama/ptrace_scope");
  if (scope.value_or(0) > 0 && geteuid() != 0) {
    return {Grade::kNote, "/proc",
            "ptrace_scope is " + std::to_string(*scope) +
                ": status does not see links whose program closed all descriptors",
            "run samehost status as root for these"};
  }
  return {Grade::kGood, "/proc", "other processes of this user can be looked into", ""};
}

}  // namespace

Findings CheckKernel() {
  utsname name = {};
  uname(&name);
  return {{Grade::kGood, "kernel", std::string(name.sysname) + " " + name.release, ""},
          OfSealedMemory(),
          OfLentMemory(),
          OfDoorbells(),
          OfPeerDeath(),
          OfListeners(),
          OfProcesses()};
}

}  // namespace samehost::cli
