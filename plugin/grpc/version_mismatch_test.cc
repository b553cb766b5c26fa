// A process whose gRPC says that it is another version than the one built against: everything runs
// over the socket, with gRPC's own credentials objects, and the reason says so. This program brings
// a grpc_version_string() of its own, which the dynamic linker prefers to the library's.
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <samehost/grpc.h>

#include "plugin/grpc/echo_for_test.h"

extern "C" const char* grpc_version_string() { return "99.0.0"; }

namespace samehost::grpc_transport::testing {
namespace {

TEST(VersionMismatch, EverythingIsStock) {
  const auto given = grpc::InsecureChannelCredentials();
  EXPECT_EQ(ChannelCredentials(given), given) << "handed back untouched";
  EXPECT_EQ(ReasonFor("(channel credentials)"), "grpc_version_mismatch");
  EXPECT_NE(DetailFor("(channel credentials)").find("99.0.0"), std::string::npos);

  EchoServer server("127.0.0.1:0", ServerCredentials());
  ASSERT_TRUE(server.running());
  EXPECT_EQ(ReasonFor("(server credentials)"), "grpc_version_mismatch");
  const EchoResult result = Echo(CreateChannel(server.target()), "hello");
  EXPECT_TRUE(result.status.ok()) << result.status.error_message();
  EXPECT_EQ(result.reply, "hello");
  EXPECT_EQ(Stats().links_opened, 0u);
}

}  // namespace
}  // namespace samehost::grpc_transport::testing
