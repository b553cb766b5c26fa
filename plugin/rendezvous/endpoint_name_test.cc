#include "plugin/rendezvous/endpoint_name.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>

#include "plugin/rendezvous/test_support.h"

namespace samehost::rendezvous {
namespace {

using testing::Abstract;
using testing::Listen;
using testing::Tcp;
using testing::TempFolder;
using testing::UnixFile;

Endpoint Of(const Address& address) {
  auto endpoint = ToEndpoint(address);
  EXPECT_TRUE(endpoint.ok()) << ToString(address);
  return endpoint ? *endpoint : Endpoint{};
}

TEST(EndpointName, TextForms) {
  EXPECT_EQ(ToString(Tcp("127.0.0.1", 50051)), "127.0.0.1:50051");
  EXPECT_EQ(ToString(Tcp("::ffff:127.0.0.1", 50051)), "127.0.0.1:50051");
  EXPECT_EQ(ToString(Tcp("::1", 50051)), "[::1]:50051");
  EXPECT_EQ(ToString(UnixFile("/tmp/x")), "unix:/tmp/x");
  EXPECT_EQ(ToString(Abstract("name")), "unix-abstract:name");
  EXPECT_EQ(ToString(Address{}), "unknown address");
}

TEST(EndpointName, MappedIpv4EqualsIpv4) {
  EXPECT_EQ(Of(Tcp("10.1.2.3", 7)), Of(Tcp("::ffff:10.1.2.3", 7)));
  EXPECT_NE(Of(Tcp("10.1.2.3", 7)), Of(Tcp("10.1.2.3", 8)));
}

TEST(EndpointName, RoundTripThroughSockaddr) {
  for (const char* ip : {"10.1.2.3", "::1", "fd00::2"}) {
    const IpEndpoint endpoint = Of(Tcp(ip, 99)).tcp;
    socklen_t length = 0;
    EXPECT_EQ(ToIpEndpoint(ToSockaddr(endpoint, &length)), endpoint) << ip;
  }
}

TEST(EndpointName, WildcardAndLoopback) {
  EXPECT_TRUE(Of(Tcp("0.0.0.0", 1)).tcp.is_wildcard());
  EXPECT_TRUE(Of(Tcp("::", 1)).tcp.is_wildcard());
  EXPECT_TRUE(Of(Tcp("127.9.9.9", 1)).tcp.is_loopback());
  EXPECT_TRUE(Of(Tcp("::1", 1)).tcp.is_loopback());
  EXPECT_FALSE(Of(Tcp("::", 1)).tcp.is_loopback());
  EXPECT_FALSE(Of(Tcp("192.0.2.1", 1)).tcp.is_wildcard());
  EXPECT_EQ(AsTarget(Of(Tcp("0.0.0.0", 5))), Of(Tcp("127.0.0.1", 5)));
  EXPECT_EQ(AsTarget(Of(Tcp("::", 5))), Of(Tcp("::1", 5)));
}

TEST(EndpointName, Covers) {
  const Endpoint any = Of(Tcp("0.0.0.0", 5));
  EXPECT_TRUE(Covers(any, Of(Tcp("192.0.2.1", 5))));
  EXPECT_TRUE(Covers(Of(Tcp("::", 5)), Of(Tcp("127.0.0.1", 5))));
  EXPECT_FALSE(Covers(any, Of(Tcp("192.0.2.1", 6))));
  EXPECT_FALSE(Covers(Of(Tcp("127.0.0.1", 5)), Of(Tcp("127.0.0.2", 5))));
  EXPECT_FALSE(Covers(Of(Tcp("0.0.0.0", 0)), Of(Tcp("127.0.0.1", 0))));
  EXPECT_FALSE(Covers(any, Of(Abstract("x"))));
}

TEST(EndpointName, OnePathHasOneNameHoweverItIsSpelt) {
  TempFolder folder;
  std::filesystem::create_directory(folder.path() + "/sub");
  std::filesystem::create_symlink(folder.path(), folder.path() + "/sub/up");
  const Endpoint plain = Of(UnixFile(folder.path() + "/s"));
  EXPECT_EQ(plain, Of(UnixFile(folder.path() + "/sub/../s")));
  EXPECT_EQ(plain, Of(UnixFile(folder.path() + "/sub/up/s")));
  EXPECT_NE(plain, Of(UnixFile(folder.path() + "/sub/s")));
  // A link to the socket file leads a client to the file itself.
  const UniqueFd listener = Listen(UnixFile(folder.path() + "/s"));
  std::filesystem::create_symlink(folder.path() + "/s", folder.path() + "/sub/link");
  EXPECT_EQ(plain, Of(UnixFile(folder.path() + "/sub/link")));
  EXPECT_EQ(SocketFile(UnixFile(folder.path() + "/sub/link")),
            SocketFile(UnixFile(folder.path() + "/s")));
}

TEST(EndpointName, RelativePath) {
  TempFolder folder;
  const Endpoint absolute = Of(UnixFile(folder.path() + "/s"));
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  EXPECT_EQ(Of(UnixFile("s")), absolute);
  EXPECT_EQ(Of(UnixFile("./s")), absolute);
  std::filesystem::current_path(before);
}

TEST(EndpointName, BadAddressesAreErrors) {
  EXPECT_FALSE(ToEndpoint(UnixFile("/nonexistent/s")).ok());
  EXPECT_FALSE(ToEndpoint(UnixFile("/tmp/")).ok());
  EXPECT_FALSE(ToEndpoint(UnixFile("/tmp/..")).ok());
  EXPECT_FALSE(ToEndpoint(UnixFile("")).ok());
  EXPECT_FALSE(ToEndpoint(Address{}).ok());
  Address cut = Tcp("127.0.0.1", 1);
  cut.length = 4;
  EXPECT_FALSE(ToEndpoint(cut).ok());
}

TEST(EndpointName, PathMayFillTheAddress) {
  const std::string path = "/tmp/" + std::string(sizeof(sockaddr_un::sun_path) - 5, 'x');
  EXPECT_EQ(ToString(UnixFile(path)), "unix:" + path);
  EXPECT_EQ(Of(UnixFile(path)).name, path.substr(5));
}

TEST(EndpointName, Prefixes) {
  EXPECT_EQ(EntryPrefix(Of(Tcp("127.0.0.1", 50051)), {}), "tcp-50051-");
  EXPECT_EQ(EntryPrefix(Of(Tcp("::", 50051)), {1, 2}), "tcp-50051-");
  EXPECT_EQ(EntryPrefix(Of(Abstract("a")), {1, 2}), EntryPrefix(Of(Abstract("a")), {1, 2}));
  EXPECT_NE(EntryPrefix(Of(Abstract("a")), {1, 2}), EntryPrefix(Of(Abstract("a")), {1, 3}));
  EXPECT_NE(EntryPrefix(Of(Abstract("a")), {1, 2}), EntryPrefix(Of(Abstract("b")), {1, 2}));
  EXPECT_NE(EntryPrefix(Of(UnixFile("/tmp/a")), {}), EntryPrefix(Of(UnixFile("/tmp/b")), {}));
  EXPECT_NE(EntryPrefix(Of(UnixFile("/tmp/a")), {}), EntryPrefix(Of(UnixFile("/a")), {}));
}

}  // namespace
}  // namespace samehost::rendezvous
