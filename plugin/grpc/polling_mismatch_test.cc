// A process whose gRPC polls by another engine than ours: everything runs over the socket, and the
// reason says so.
#include <gtest/gtest.h>
#include <samehost/grpc.h>
#include <stdlib.h>

#include "plugin/grpc/echo_for_test.h"

namespace samehost::grpc_transport::testing {
namespace {

// Before the first grpc_init, which reads it.
[[maybe_unused]] const int g_set = setenv("GRPC_POLL_STRATEGY", "poll", 1);

TEST(PollingMismatch, EverythingRunsOverTheSocket) {
  EchoServer server("127.0.0.1:0", ServerCredentials());
  ASSERT_TRUE(server.running());
  EXPECT_EQ(ReasonFor("127.0.0.1:0"), "polling_engine");
  const EchoResult result = Echo(CreateChannel(server.target()), "hello");
  EXPECT_TRUE(result.status.ok()) << result.status.error_message();
  EXPECT_EQ(result.reply, "hello");
  EXPECT_EQ(ReasonFor(server.target()), "polling_engine");
  EXPECT_EQ(Stats().links_opened, 0u);
}

}  // namespace
}  // namespace samehost::grpc_transport::testing
