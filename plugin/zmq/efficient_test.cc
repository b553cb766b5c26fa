// SAMEHOST_WAIT=efficient: nobody looks, and nobody is left where a sleep has put it.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "plugin/zmq/testing/peer_process.h"
#include "plugin/zmq/testing/scenario.h"

namespace samehost::zmq_transport {
namespace {

using testing::Got;
using testing::kWait;
using testing::Library;
using testing::PeerProcess;

std::string AffinityOf(const PeerProcess& peer) {
  const std::string pid = std::to_string(peer.pid());
  std::ifstream status("/proc/" + pid + "/task/" + pid + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Cpus_allowed:")) return line;
  }
  return "none";
}

TEST(Efficient, WhoTakesTurnsHasItsAffinityBack) {
  const PeerProcess::Environment efficient = {{"SAMEHOST_WAIT", "efficient"}};
  PeerProcess server(Library::kOurs, efficient), client(Library::kOurs, efficient);
  ASSERT_EQ(server("socket REP"), "ok");
  ASSERT_EQ(client("socket REQ"), "ok");
  const std::string affinity = AffinityOf(server);
  ASSERT_EQ(AffinityOf(client), affinity);
  ASSERT_EQ(client("connect " + testing::Bind(server, "shm")), "ok");
  constexpr uint64_t kRounds = 300;
  server.Tell("echo " + std::to_string(kRounds) + kWait);
  for (uint64_t i = 0; i < kRounds; ++i) {
    ASSERT_EQ(client("send " + std::to_string(i) + " 1 1 16" + kWait), "sent 1");
    ASSERT_EQ(client("recv 1" + std::string(kWait)), Got(1, i));
  }
  EXPECT_EQ(server.Answer(), "echoed " + std::to_string(kRounds));
  EXPECT_EQ(client.Links(), 1);
  EXPECT_EQ(AffinityOf(client), affinity);
  EXPECT_EQ(AffinityOf(server), affinity);
}

}  // namespace
}  // namespace samehost::zmq_transport
