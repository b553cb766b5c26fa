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

std::string All(const std::string& text) {
  const Result<Target> target = ParseTarget(text);
  if (!target) return "error: " + ToString(target.error());
  std::string out;
  for (const auto& address : target->addresses) {
    out += (out.empty() ? "" : " ") + rendezvous::ToString(address);
  }
  return out;
}

// As gRPC's own resolvers of these schemes take them.
TEST(TargetTest, Lists) {
  EXPECT_EQ(All("ipv4:127.0.0.1:1,127.0.0.2:2"), "127.0.0.1:1 127.0.0.2:2");
  EXPECT_EQ(All("ipv4:127.0.0.1:1,,127.0.0.2:2,"), "127.0.0.1:1 127.0.0.2:2");
  EXPECT_EQ(All("ipv4:///127.0.0.1:1"), "127.0.0.1:1");
  EXPECT_EQ(All("ipv6:[::1]:1,[::2]:2"), "[::1]:1 [::2]:2");
  EXPECT_EQ(All("ipv6:%5B::1%5D:1"), "[::1]:1");
  EXPECT_EQ(All("unix:/a,/b"), "unix:/a unix:/b");
  EXPECT_EQ(All("unix-abstract:a,b"), "unix-abstract:a unix-abstract:b");
  EXPECT_TRUE(ParseTarget("ipv4:127.0.0.1:1,127.0.0.2:2")->is_list);
  EXPECT_FALSE(ParseTarget("ipv4:127.0.0.1:1,")->is_list);
  // One that is wrong spoils the target.
  for (const char* text :
       {"ipv4:127.0.0.1:1,nonsense", "ipv4:127.0.0.1:1,localhost:2", "ipv4:127.0.0.1",
        "ipv4:[::1]:1", "ipv6:127.0.0.1:1", "ipv6:[::1]", "ipv4:,", "ipv4:", "ipv4://127.0.0.1:1",
        "ipv4:127.0.0.1:99999", "unix://relative"}) {
    EXPECT_EQ(ParseTarget(text).error().code, ErrorCode::kInvalidArgument) << text;
  }
}

TEST(TargetTest, PortsThatAreNone) {
  for (const char* text : {"localhost:99999", "127.0.0.1:65536", "localhost:0", "localhost:-1",
                           "localhost:5005x", "localhost:orders", "tcp://127.0.0.1:99999",
                           "tcp://127.0.0.1:0", "dns:///localhost:99999"}) {
    const auto target = ParseTarget(text);
    ASSERT_FALSE(target.ok()) << text;
    EXPECT_EQ(target.error().code, ErrorCode::kInvalidArgument) << text;
    EXPECT_NE(ToString(target.error()).find("is no port"), std::string::npos) << text;
  }
  // Where gRPC would really go.
  const std::string said = ToString(ParseTarget("localhost:99999").error());
  EXPECT_NE(said.find("port 34463"), std::string::npos) << said;
  EXPECT_EQ(First("127.0.0.1:65535"), "127.0.0.1:65535");
}

// Of names only: behind an address in numbers gRPC goes to port 0.
TEST(TargetTest, PortsThatGrpcKnows) {
  const auto port = [](const std::string& text) {
    const std::string first = First(text);
    return first.substr(first.rfind(':') + 1);
  };
  EXPECT_EQ(port("localhost:https"), "443");
  EXPECT_EQ(port("localhost:http"), "80");
  EXPECT_EQ(port("localhost"), "443");
  const auto target = ParseTarget("localhost");
  ASSERT_EQ(target->notes.size(), 1u);
  EXPECT_NE(target->notes[0].find("443"), std::string::npos);
  EXPECT_TRUE(ParseTarget("localhost:1")->notes.empty());
  for (const char* text : {"127.0.0.1", "[::1]", "::1", "127.0.0.1:https", "tcp://localhost"}) {
    EXPECT_EQ(ParseTarget(text).error().code, ErrorCode::kInvalidArgument) << text;
  }
}

TEST(TargetTest, SchemesThatAreResolvedElsewhere) {
  for (const char* text : {"xds:///orders", "xds:orders", "google-c2p:///x", "etcd:///orders",
                           "consul://127.0.0.1/orders"}) {
    const auto target = ParseTarget(text);
    ASSERT_FALSE(target.ok()) << text;
    EXPECT_EQ(target.error().code, ErrorCode::kUnsupported) << text;
    EXPECT_NE(ToString(target.error()).find("samehost explain HOST:PORT"), std::string::npos)
        << text;
  }
  const std::string said = ToString(ParseTarget("etcd:///orders").error());
  EXPECT_NE(said.find("\"etcd\""), std::string::npos) << said;
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
  for (const char* text :
       {"", ":1", "host:", "[::1]:", "[::1]", "[::1", "no colon", "dns://1.2.3.4", "tcp://host",
        "unix:", "unix-abstract:", "ipc://", "ipc://@", "tcp://", "tcp://*"}) {
    EXPECT_EQ(ParseTarget(text).error().code, ErrorCode::kInvalidArgument) << text;
  }
  EXPECT_EQ(ParseTarget("unix:" + std::string(200, 'x')).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ParseTarget("inproc://x").error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(ParseTarget("no-such-host.invalid:1").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace samehost::cli
