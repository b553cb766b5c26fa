// With shared memory not to be had on either side, the same two programs talk over the socket, and
// the reason can be read.
#include <gtest/gtest.h>
#include <samehost/grpc.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "plugin/grpc/certificate_for_test.h"
#include "plugin/grpc/echo_for_test.h"
#include "plugin/grpc/tap_for_test.h"

namespace samehost::grpc_transport::testing {
namespace {

using ::samehost::ChannelCredentials;
using ::samehost::ServerCredentials;

constexpr char kMarker[] = "the payload that must not be seen on the wire";

// Rendezvous directories of the test's own.
class FallbackTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/samehost-fallback-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    options_.directory = directory_;
  }
  void TearDown() override {
    unsetenv("SAMEHOST");
    (void)!system(("rm -rf " + directory_).c_str());
  }

  // One call that must succeed over the socket.
  void ExpectSocket(const std::string& target,
                    std::shared_ptr<grpc::ChannelCredentials> credentials,
                    const std::string& reason,
                    grpc::ChannelArguments arguments = OwnSubchannels()) {
    const auto channel = grpc::CreateCustomChannel(target, credentials, arguments);
    const EchoResult result = Echo(channel, kMarker);
    EXPECT_TRUE(result.status.ok()) << result.status.error_message();
    EXPECT_EQ(result.reply, kMarker);
    EXPECT_EQ(result.auth_properties.count(kTransportProperty), 0u);
    if (!reason.empty()) {
      EXPECT_EQ(ReasonFor(target), reason) << DetailFor(target);
      EXPECT_FALSE(DetailFor(target).empty());
    }
  }

  std::string directory_;
  Options options_;
};

TEST_F(FallbackTest, StockServer) {
  EchoServer server("127.0.0.1:0", grpc::InsecureServerCredentials());
  ExpectSocket(server.target(), ChannelCredentials(options_), "server_not_found");
}

TEST_F(FallbackTest, StockClient) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  ASSERT_TRUE(server.running());
  ExpectSocket(server.target(), grpc::InsecureChannelCredentials(), "");
}

TEST_F(FallbackTest, ClientSwitchedOffByOption) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  options_.enabled = false;
  ExpectSocket(server.target(), ChannelCredentials(options_), "switched_off");
}

TEST_F(FallbackTest, ServerSwitchedOffByOption) {
  Options off = options_;
  off.enabled = false;
  EchoServer server("127.0.0.1:0", ServerCredentials(off));
  EXPECT_EQ(ReasonFor("127.0.0.1:0"), "switched_off");
  ExpectSocket(server.target(), ChannelCredentials(options_), "server_not_found");
}

TEST_F(FallbackTest, SwitchedOffByEnvironment) {
  setenv("SAMEHOST", "off", 1);
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  EXPECT_EQ(ReasonFor("127.0.0.1:0"), "switched_off");
  ExpectSocket(server.target(), ChannelCredentials(options_), "switched_off");
}

TEST_F(FallbackTest, UnixSocket) {
  const std::string target = "unix:" + directory_ + "/socket";
  EchoServer server(target, grpc::InsecureServerCredentials());
  ASSERT_TRUE(server.running());
  ExpectSocket(target, ChannelCredentials(options_), "server_not_found");
}

TEST_F(FallbackTest, InsecureClientAndSecureServerFailAsTheyDoWithoutUs) {
  EchoServer server("127.0.0.1:0", ServerCredentials(SslServer(), options_));
  ASSERT_TRUE(server.running());
  const auto channel =
      grpc::CreateCustomChannel(server.target(), ChannelCredentials(options_), OwnSubchannels());
  const EchoResult result =
      Echo(channel, "x", [](grpc::ClientContext* c) { c->set_wait_for_ready(false); });
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonFor(server.target()), "tls_not_replaced") << DetailFor(server.target());
}

TEST_F(FallbackTest, SecureClientAndInsecureServerFailAsTheyDoWithoutUs) {
  options_.replace_tls = true;
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  const auto channel = grpc::CreateCustomChannel(
      server.target(), ChannelCredentials(SslClient(), options_), SslArguments());
  const EchoResult result =
      Echo(channel, "x", [](grpc::ClientContext* c) { c->set_wait_for_ready(false); });
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonFor(server.target()), "tls_not_replaced") << DetailFor(server.target());
}

// Looks at the wire: TLS records and nothing that could be read.
TEST_F(FallbackTest, SslFallbackIsSsl) {
  for (const bool samehost_server : {false, true}) {
    SCOPED_TRACE(samehost_server);
    EchoServer server("127.0.0.1:0",
                      samehost_server ? ServerCredentials(SslServer(), options_) : SslServer());
    Tap tap(server.port());
    ExpectSocket(tap.target(), ChannelCredentials(SslClient(), options_), "tls_not_replaced",
                 SslArguments());
    const std::string wire = tap.from_clients();
    ASSERT_GT(wire.size(), 100u);
    EXPECT_EQ(wire.substr(0, 2), std::string("\x16\x03")) << "a TLS handshake record";
    EXPECT_EQ(wire.find("PRI * HTTP/2.0"), std::string::npos);
    EXPECT_EQ(wire.find(kMarker), std::string::npos);
    EXPECT_EQ(server.last().auth_properties.at("transport_security_type"), "ssl");
  }
}

// The tap shows what it is meant to show: without TLS the payload is there to be read.
TEST_F(FallbackTest, InsecureFallbackIsPlain) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  Tap tap(server.port());
  ExpectSocket(tap.target(), ChannelCredentials(options_), "server_not_found");
  const std::string wire = tap.from_clients();
  EXPECT_EQ(wire.substr(0, 14), "PRI * HTTP/2.0");
  EXPECT_NE(wire.find(kMarker), std::string::npos);
}

TEST_F(FallbackTest, TlsReplacedOnOneSideOnly) {
  Options replace = options_;
  replace.replace_tls = true;
  {
    EchoServer server("127.0.0.1:0", ServerCredentials(SslServer(), options_));
    ExpectSocket(server.target(), ChannelCredentials(SslClient(), replace), "tls_not_replaced",
                 SslArguments());
    EXPECT_EQ(server.last().auth_properties.at("transport_security_type"), "ssl");
  }
  EchoServer server("127.0.0.1:0", ServerCredentials(SslServer(), replace));
  ExpectSocket(server.target(), ChannelCredentials(SslClient(), options_), "tls_not_replaced",
               SslArguments());
}

TEST_F(FallbackTest, HttpProxy) {
  // The address that the channel connects to is the proxy's: no link, whoever announces it.
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  grpc::ChannelArguments arguments = OwnSubchannels();
  arguments.SetString(GRPC_ARG_HTTP_PROXY, "http://" + server.target());
  const auto channel = grpc::CreateCustomChannel("dns:///meant.for.another.test:443",
                                                 ChannelCredentials(options_), arguments);
  const EchoResult result =
      Echo(channel, "x", [](grpc::ClientContext* c) { c->set_wait_for_ready(false); });
  EXPECT_FALSE(result.status.ok());
  EXPECT_EQ(ReasonFor(server.target()), "not_local_address") << DetailFor(server.target());
}

}  // namespace
}  // namespace samehost::grpc_transport::testing
