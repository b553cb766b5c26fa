// `samehost run` with the distribution's python3-zmq, end to end. Needs samehost's libzmq.
#include <gtest/gtest.h>

#include <memory>

#include "plugin/cli/installation.h"
#include "plugin/cli/testing/program.h"

namespace samehost::cli::testing {
namespace {

class RunZmqTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (FindInstallation().zmq_folder.empty()) GTEST_SKIP() << "no libzmq of samehost's is built";
    if (RunToEnd({kPython, "-c", "import zmq"}).code != 0) GTEST_SKIP() << "no python3-zmq";
  }
  static constexpr char kPython[] = "/usr/bin/python3";  // the distribution's

  Variables Environment() const { return CleanEnvironment(scratch_.path()); }
  Words Peer(const std::string& mode, const std::string& address, bool under_run = true) const {
    Words words = {kPython, TestData("zmq_peer.py"), mode, address};
    if (under_run) words.insert(words.begin(), {Samehost(), "run", "--"});
    return words;
  }
  std::string Address() const {
    const bool tcp = std::string(GetParam()) == "tcp";
    return tcp ? "tcp://127.0.0.1:*" : "ipc://" + scratch_.path() + "/socket";
  }
  std::unique_ptr<Program> Bind(const std::string& mode, bool under_run = true) {
    auto program = std::make_unique<Program>(Peer(mode, Address(), under_run), Environment());
    const std::string line = program->Line();
    bound_ = line.substr(line.rfind(' ') + 1);
    return program;
  }
  std::vector<nlohmann::json> Links() const { return Entries(Status(), "links", bound_); }

  Scratch scratch_;
  std::string bound_;
};

TEST_P(RunZmqTest, RequestReply) {
  auto server = Bind("rep");
  Program client(Peer("req", bound_), Environment());
  EXPECT_EQ(client.Line(), "10 messages") << client.Errors();
  const auto links = Links();
  ASSERT_EQ(links.size(), 1u);
  EXPECT_EQ(links[0]["protocol"], "zmq");
  EXPECT_EQ(links[0]["client"]["pid"], client.pid());
  EXPECT_EQ(links[0]["server"]["pid"], server->pid());
  EXPECT_EQ(links[0]["client"]["messages_sent"], 10);
  EXPECT_EQ(links[0]["server"]["messages_sent"], 10);
  EXPECT_EQ(RunToEnd({Samehost(), "explain", bound_}, Environment()).code, 0);
}

TEST_P(RunZmqTest, PublishSubscribe) {
  auto server = Bind("pub");
  Program client(Peer("sub", bound_), Environment());
  ASSERT_TRUE(Eventually([&] {
    server->Tell("word");
    return !Links().empty();
  }));
  for (int i = 0; i < 10; ++i) server->Tell("word");
  EXPECT_EQ(client.Line(), "10 messages") << client.Errors();
  EXPECT_EQ(Links().size(), 1u);
}

TEST_P(RunZmqTest, Asyncio) {
  auto server = Bind("arep");
  Program client(Peer("areq", bound_), Environment());
  EXPECT_EQ(client.Line(), "10 messages") << client.Errors();
  const auto links = Links();
  ASSERT_EQ(links.size(), 1u);
  EXPECT_EQ(links[0]["client"]["messages_sent"], 10);
}

TEST_P(RunZmqTest, OnlyOneSideRunsSo) {
  for (const bool server_runs_so : {true, false}) {
    SCOPED_TRACE(server_runs_so);
    auto server = Bind("rep", server_runs_so);
    Program client(Peer("req", bound_, !server_runs_so), Environment());
    EXPECT_EQ(client.Line(), "10 messages") << client.Errors();
    EXPECT_TRUE(Links().empty());
    const int code = RunToEnd({Samehost(), "explain", bound_}, Environment()).code;
    EXPECT_EQ(code, server_runs_so ? 0 : 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Over, RunZmqTest, ::testing::Values("ipc", "tcp"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace samehost::cli::testing
