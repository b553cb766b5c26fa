// gRPC's version at run time decides whether internal structures may be touched.
#include "plugin/grpc/runtime_check.h"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace samehost::grpc_transport {
namespace {

TEST(RuntimeCheck, TheGrpcOfThisBuildIsTheRightOne) {
  EXPECT_EQ(CheckGrpcVersion().reason, FallbackReason::kNone) << CheckGrpcVersion().detail;
}

TEST(RuntimeCheck, AnyOtherVersionIsAMismatchThatNamesBoth) {
  const std::string core = grpc_version_string();
  const std::string cpp = grpc::Version();
  EXPECT_EQ(CompareGrpcVersions(core, cpp).reason, FallbackReason::kNone);
  const Fallback other = CompareGrpcVersions("99.0.0", "1.99.0");
  EXPECT_EQ(other.reason, FallbackReason::kGrpcVersionMismatch);
  EXPECT_NE(other.detail.find("1.99.0"), std::string::npos) << other.detail;
  EXPECT_NE(other.detail.find(cpp), std::string::npos) << other.detail;
  EXPECT_EQ(CompareGrpcVersions("99.0.0", cpp).reason, FallbackReason::kGrpcVersionMismatch);
  EXPECT_EQ(CompareGrpcVersions(core, cpp + ".1").reason, FallbackReason::kGrpcVersionMismatch);
}

TEST(RuntimeCheck, SamehostOff) {
  setenv("SAMEHOST", "off", 1);
  EXPECT_EQ(CheckRuntime().reason, FallbackReason::kSwitchedOff);
  unsetenv("SAMEHOST");
  EXPECT_NE(CheckRuntime().reason, FallbackReason::kSwitchedOff);
}

}  // namespace
}  // namespace samehost::grpc_transport
