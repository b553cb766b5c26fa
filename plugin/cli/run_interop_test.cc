// gRPC's own interop client and server, as its source package has them, under `samehost run`: every
// case that is about the transport.
#include <gtest/gtest.h>

#include <memory>

#include "plugin/cli/testing/program.h"
#include "plugin/cli/testing/sockets.h"

namespace samehost::cli::testing {
namespace {

constexpr const char* kCases[] = {
    "empty_unary",
    "large_unary",
    "client_compressed_unary",
    "server_compressed_unary",
    "client_streaming",
    "client_compressed_streaming",
    "server_streaming",
    "server_compressed_streaming",
    "ping_pong",
    "empty_stream",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "unimplemented_service",
    "cancel_after_begin",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "rpc_soak",
    "channel_soak",
};

std::string InteropProgram(const std::string& name) {
  const std::string samehost = Samehost();
  return samehost.substr(0, samehost.rfind('/')) + "/../tests/interop/" + name;
}

class RunInteropTest : public ::testing::TestWithParam<const char*> {
 protected:
  Variables Environment() const {
    Variables out = CleanEnvironment(scratch_.path());
    out["SAMEHOST_LOG"] = "info";
    return out;
  }

  Scratch scratch_;
};

TEST_P(RunInteropTest, PassesThroughSharedMemory) {
  const std::string port = FreePort();
  Program server({Samehost(), "run", "--", InteropProgram("grpc_interop_server"), "--port=" + port},
                 Environment());
  // It says on stderr that it listens, and so does samehost.
  ASSERT_TRUE(Eventually([&] {
    return server.Errors().find(": shared memory") != std::string::npos;
  })) << server.Errors();
  const Ended client = RunToEnd(
      {Samehost(), "run", "--", InteropProgram("grpc_interop_client"), "--server_host=127.0.0.1",
       "--server_port=" + port, std::string("--test_case=") + GetParam(), "--soak_iterations=50",
       "--soak_overall_timeout_seconds=100",
       "--soak_per_iteration_max_acceptable_latency_ms=60000"},
      Environment());
  EXPECT_EQ(client.code, 0) << client.errors;
  EXPECT_EQ(client.errors.find("socket, because"), std::string::npos) << client.errors;
  // This case's deadline, a millisecond, may pass before there is a connection.
  if (std::string(GetParam()) != "timeout_on_sleeping_server") {
    EXPECT_NE(client.errors.find("127.0.0.1:" + port + ": shared memory"), std::string::npos)
        << client.errors;
  }
  EXPECT_EQ(TcpTraces(port), 0) << "there was a TCP connection";
}

INSTANTIATE_TEST_SUITE_P(Cases, RunInteropTest, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace samehost::cli::testing
