#include "plugin/cli/target.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plugin/cli/testing/program.h"
#include "plugin/rendezvous/endpoint_name.h"

namespace samehost::cli {
namespace {

std::string First(const std::string& text) {
  const Result<Target> target = ParseTarget(text);
  if (!target) return "error: " + ToString(target.error());
  return target->addresses.empty() ? "none" : rendezvous::ToString(target->addresses[0]);
}

TEST(TargetTest, Grpc) {
  EXPECT_EQ(First("127.0.0.1:50051"), "127.0.0.1:50051");
  EXPECT_EQ(First("[::1]:50051"), "[::1]:50051");
  EXPECT_EQ(First("ipv4:127.0.0.1:1"), "127.0.0.1:1");
  EXPECT_EQ(First("ipv6:[::1]:1"), "[::1]:1");
  EXPECT_EQ(First("dns:///127.0.0.1:1"), "127.0.0.1:1");
  EXPECT_EQ(First("dns://8.8.8.8/127.0.0.1:1"), "127.0.0.1:1");
  EXPECT_EQ(First("unix:relative"), "unix:relative");
  EXPECT_EQ(First("unix:/a/b"), "unix:/a/b");
  EXPECT_EQ(First("unix:///a/b"), "unix:/a/b");
  EXPECT_EQ(First("unix-abstract:name"), "unix-abstract:name");
  EXPECT_EQ(ParseTarget("127.0.0.1:1")->protocol, "grpc");
}

TEST(TargetTest, ZeroMq) {
  EXPECT_EQ(First("tcp://127.0.0.1:5555"), "127.0.0.1:5555");
  EXPECT_EQ(First("tcp://127.0.0.2:0;127.0.0.1:5555"), "127.0.0.1:5555");
  EXPECT_EQ(First("ipc:///a/b"), "unix:/a/b");
  EXPECT_EQ(First("ipc://@name"), "unix-abstract:name");
  EXPECT_EQ(ParseTarget("tcp://127.0.0.1:1")->protocol, "zmq");
}

TEST(TargetTest, NamesOfZeroMq) {
  testing::Scratch directory;
  // Nobody has served here yet.
  EXPECT_EQ(ParseTarget("shm://name", directory.path()).error().code, ErrorCode::kNotFound);
  const std::string folder = directory.path() + "/" + std::to_string(geteuid());
  ASSERT_EQ(mkdir(folder.c_str(), 0700), 0);
  const Result<Target> target = ParseTarget("shm://a-B_9.z", directory.path());
  ASSERT_TRUE(target.ok()) << ToString(target.error());
  EXPECT_EQ(target->protocol, "zmq");
  EXPECT_EQ(rendezvous::ToString(target->addresses.at(0)), "unix:" + folder + "/zmq-a-B_9.z");
  for (const char* text : {"shm://", "shm://a/b", "shm://a b", "shm://*"}) {
    EXPECT_EQ(ParseTarget(text, directory.path()).error().code, ErrorCode::kInvalidArgument)
        << text;
  }
}

TEST(TargetTest, Localhost) {
  const Result<Target> target = ParseTarget("localhost:50051");
  ASSERT_TRUE(target.ok());
  bool v4 = false;
  for (const auto& address : target->addresses) {
    v4 = v4 || rendezvous::ToString(address) == "127.0.0.1:50051";
  }
  EXPECT_TRUE(v4);
}

TEST(TargetTest, Nonsense) {
  for (const char* text : {"", "host", ":1", "host:", "[::1]", "[::1", "dns://1.2.3.4",
                           "unix:", "unix-abstract:", "ipc://", "ipc://@", "tcp://", "tcp://*"}) {
    EXPECT_EQ(ParseTarget(text).error().code, ErrorCode::kInvalidArgument) << text;
  }
  EXPECT_EQ(ParseTarget("unix:" + std::string(200, 'x')).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ParseTarget("inproc://x").error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(ParseTarget("no-such-host.invalid:1").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace samehost::cli
