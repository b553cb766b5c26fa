// Announce and Connect as a whole: which addresses find which server, between real processes.
#include "plugin/rendezvous/rendezvous.h"

#include <gtest/gtest.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "plugin/rendezvous/test_support.h"

namespace samehost::rendezvous {
namespace {

using testing::Abstract;
using testing::Dial;
using testing::Outcome;
using testing::Reason;
using testing::ServerProcess;
using testing::Tcp;
using testing::TempFolder;
using testing::TestOptions;
using testing::TestServer;
using testing::UnixFile;

// Who answers, or why nobody does.
std::string Who(const Address& address, const Options& options) {
  auto outcome = Dial(address, options, "who");
  if (auto* connected = std::get_if<Connected>(&outcome)) return connected->message;
  return Outcome(outcome);
}

// This machine's addresses, without the link-local ones' scopes resolved away.
std::vector<std::string> LocalIps() {
  std::vector<std::string> found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  for (ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr) continue;
    const int family = at->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    char text[NI_MAXHOST];
    const socklen_t length = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (getnameinfo(at->ifa_addr, length, text, sizeof(text), nullptr, 0, NI_NUMERICHOST) == 0) {
      found.emplace_back(text);
    }
  }
  freeifaddrs(list);
  return found;
}

class Rendezvous : public ::testing::Test {
 protected:
  TempFolder folder_;
  Options options_ = TestOptions(folder_.path());
};

TEST_F(Rendezvous, LoopbackInOneProcess) {
  TestServer server(Tcp("127.0.0.1", 0), options_, "one");
  ASSERT_TRUE(server.ok()) << ToString(server.error());
  EXPECT_EQ(Who(Tcp("127.0.0.1", server.port()), options_), "one");
}

TEST_F(Rendezvous, LoopbackBetweenProcesses) {
  ServerProcess server(Tcp("127.0.0.1", 0), options_, "other");
  EXPECT_EQ(Who(Tcp("127.0.0.1", server.port()), options_), "other");
  EXPECT_EQ(Who(Tcp("::ffff:127.0.0.1", server.port()), options_), "other");
}

TEST_F(Rendezvous, WildcardIsFoundUnderEveryLocalAddress) {
  ServerProcess v4(Tcp("0.0.0.0", 0), options_, "v4");
  ServerProcess v6(Tcp("::", 0), options_, "v6");
  for (const std::string& ip : LocalIps()) {
    SCOPED_TRACE(ip);
    EXPECT_EQ(Who(Tcp(ip, v6.port()), options_), "v6");
    if (ip.find(':') == std::string::npos) {
      EXPECT_EQ(Who(Tcp(ip, v4.port()), options_), "v4");
    }
  }
  EXPECT_EQ(Who(Tcp("127.1.2.3", v4.port()), options_), "v4");
  EXPECT_EQ(Who(Tcp("0.0.0.0", v4.port()), options_), "v4");
  EXPECT_EQ(Who(Tcp("::", v6.port()), options_), "v6");
}

TEST_F(Rendezvous, UnixPathAndAbstract) {
  const std::string path = folder_.path() + "/stock.sock";
  ServerProcess file(UnixFile(path), options_, "file");
  EXPECT_EQ(Who(UnixFile(path), options_), "file");
  const std::string name = "samehost-test-" + std::to_string(getpid());
  ServerProcess abstract(Abstract(name), options_, "abstract");
  EXPECT_EQ(Who(Abstract(name), options_), "abstract");
}

TEST_F(Rendezvous, NobodyThere) {
  EXPECT_EQ(Reason(Dial(Tcp("127.0.0.1", 1), options_)), FallbackReason::kServerNotFound);
  EXPECT_EQ(Reason(Dial(Tcp("198.51.100.7", 1), options_)), FallbackReason::kNotLocalAddress);
  EXPECT_EQ(Reason(Dial(UnixFile("/nonexistent/x"), options_)), FallbackReason::kServerNotFound);
  EXPECT_EQ(Reason(Dial(Tcp("127.0.0.1", 1), TestOptions("/nonexistent"))),
            FallbackReason::kNoRendezvousDirectory);
}

}  // namespace
}  // namespace samehost::rendezvous
