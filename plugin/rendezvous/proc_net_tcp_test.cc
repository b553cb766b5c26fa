#include "plugin/rendezvous/proc_net_tcp.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstddef>

#include "plugin/rendezvous/test_support.h"

namespace samehost::rendezvous {
namespace {

using testing::Child;
using testing::Dial;
using testing::Listen;
using testing::PortOf;
using testing::ServerProcess;
using testing::Tcp;
using testing::TempFolder;
using testing::TestOptions;
using testing::UnixFile;

IpEndpoint Ip(const std::string& ip, uint16_t port) { return ToIpEndpoint(Tcp(ip, port).storage); }

TEST(ProcNetTcp, AShortageOfDescriptorsIsToldAsOne) {
  rlimit usual{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
  const rlimit none{0, usual.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto found = FindTcpListenerInProc(Ip("127.0.0.1", 1));
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, ErrorCode::kSystem);
  EXPECT_EQ(found.error().sys_errno, EMFILE);
}

TEST(ProcNetTcp, Lines) {
  const auto v4 = ParseListener(
      "   0: 0100007F:C383 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 "
      "4711 1 0 100 0 0 10 0",
      AF_INET);
  ASSERT_TRUE(v4.has_value());
  EXPECT_EQ(v4->address, Ip("127.0.0.1", 50051));
  EXPECT_EQ(v4->inode, 4711u);
  const auto v6 = ParseListener(
      "  12: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A "
      "00000000:00000000 "
      "00:00000000 00000000     0        0 42 1 0 100 0 0 10 0",
      AF_INET6);
  ASSERT_TRUE(v6.has_value());
  EXPECT_EQ(v6->address, Ip("::1", 80));
  for (const char* line : {"", "nonsense", "   0: 0100007F:C383 0100007F:0050 01 0:0 0:0 0 0 0 1",
                           "   0: 01:C383 00000000:0000 0A 0:0 00:0 0 0 0 1"}) {
    EXPECT_FALSE(ParseListener(line, AF_INET).has_value()) << line;
  }
}

// Both ways of asking must agree.
TEST(ProcNetTcp, AgreesWithNetlink) {
  const UniqueFd dual = Listen(Tcp("::", 0), /*reuse_port=*/true);
  const uint16_t port = PortOf(dual.get());
  const auto agree = [&](const std::string& ip, const UniqueFd& expected) {
    const auto netlink = FindTcpListener(Ip(ip, port));
    const auto proc = FindTcpListenerInProc(Ip(ip, port));
    if (!netlink.ok() || !proc.ok() || !netlink->has_value() || !proc->has_value()) return false;
    struct stat status;
    fstat(expected.get(), &status);
    return (*netlink)->inode == (*proc)->inode && (*proc)->inode == status.st_ino &&
           (*netlink)->address == (*proc)->address && (*netlink)->family == (*proc)->family;
  };
  EXPECT_TRUE(agree("127.0.0.1", dual));
  EXPECT_TRUE(agree("::1", dual));
  const UniqueFd v4 = Listen(Tcp("0.0.0.0", port), /*reuse_port=*/true);
  EXPECT_TRUE(agree("127.0.0.1", v4));
  EXPECT_TRUE(agree("::1", dual));
  const UniqueFd exact = Listen(Tcp("127.0.0.2", port), /*reuse_port=*/true);
  EXPECT_TRUE(agree("127.0.0.2", exact));
  EXPECT_TRUE(agree("127.0.0.3", v4));
}

TEST(ProcNetTcp, NobodyListens) {
  const auto proc = FindTcpListenerInProc(Ip("127.0.0.1", 1));
  ASSERT_TRUE(proc.ok());
  EXPECT_FALSE(proc->has_value());
}

// What RestrictAddressFamilies= of a systemd unit does.
bool ForbidNetlink() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(WithoutNetlink, EverythingStillWorks) {
  Child probe([](Child::Talk& talk) { talk.Say(ForbidNetlink() ? "yes" : "no"); });
  if (probe.talk().Hear() != "yes") GTEST_SKIP() << "may not install a seccomp filter";
  TempFolder folder;
  const Options options = TestOptions(folder.path());
  const std::string path = folder.path() + "/stock.sock";
  ServerProcess tcp(
      Tcp("0.0.0.0", 0), options, "tcp", [] { ForbidNetlink(); }, /*reuse_port=*/true);
  ServerProcess file(UnixFile(path), options, "file", [] { ForbidNetlink(); });
  const UniqueFd other = Listen(Tcp("127.0.0.9", tcp.port()), /*reuse_port=*/true);
  Child client([&](Child::Talk& talk) {
    ForbidNetlink();
    for (const Address& address : {Tcp("127.0.0.1", tcp.port()), UnixFile(path),
                                   Tcp("127.0.0.9", tcp.port()), Tcp("198.51.100.7", tcp.port())}) {
      talk.Say(std::string(Name(testing::Reason(Dial(address, options)))));
    }
  });
  EXPECT_EQ(client.talk().Hear(), "none");
  EXPECT_EQ(client.talk().Hear(), "none");
  EXPECT_EQ(client.talk().Hear(), "server_not_found");
  EXPECT_EQ(client.talk().Hear(), "not_local_address");
}

}  // namespace
}  // namespace samehost::rendezvous
