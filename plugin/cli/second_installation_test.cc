// Another installation of samehost on the same machine judges programs that run with the first
// one's libraries, and the other way round.
#include <gtest/gtest.h>

#include <filesystem>

#include "plugin/cli/installation.h"
#include "plugin/cli/testing/program.h"

namespace samehost::cli::testing {
namespace {

class SecondInstallationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Installation first = FindInstallation();
    if (first.zmq_folder.empty()) GTEST_SKIP() << "no libzmq of samehost's is built";
    namespace fs = std::filesystem;
    const fs::path lib = fs::path(place_.path()) / SAMEHOST_LIBDIR;
    fs::create_directories(lib / "samehost");
    fs::create_directories(fs::path(place_.path()) / "bin");
    fs::copy_file(Samehost(), command_);
    fs::copy_file(first.zmq_folder + "/libzmq.so.5", lib / "samehost" / "libzmq.so.5");
    fs::copy_file(first.preload, lib / "samehost" / "libsamehost-preload.so");
    fs::copy_file(first.grpc, lib / SAMEHOST_GRPC_LIBRARY);
  }
  Variables Environment() const { return CleanEnvironment(scratch_.path()); }
  // Both ends under the first or the second one's `run`, judged by the other one.
  void Check(const std::string& runs, const std::string& judges, const std::string& stock,
             const std::string& scheme) const {
    SCOPED_TRACE(stock);
    Program server({runs, "run", "--", stock, "server", "127.0.0.1:0"}, Environment());
    const std::string line = server.Line();
    const std::string address = "127.0.0.1:" + line.substr(line.rfind(' ') + 1);
    Program client({runs, "run", "--", stock, "client", address, "5", "10"}, Environment());
    EXPECT_EQ(client.Line().substr(0, 7), "5 calls") << client.Errors();
    const auto status = nlohmann::json::parse(RunToEnd({judges, "status", "--json"}).out);
    EXPECT_EQ(Entries(status, "links", address).size(), 1u);
    for (const auto& one : status["unsupported"]) {
      EXPECT_NE(one["pid"], server.pid()) << one;
      EXPECT_NE(one["pid"], client.pid()) << one;
    }
    const Ended explained = RunToEnd({judges, "explain", scheme + address}, Environment());
    EXPECT_EQ(explained.code, 0) << explained.out;
    EXPECT_NE(explained.out.find(", with samehost"), std::string::npos) << explained.out;
  }

  Scratch place_;
  Scratch scratch_;
  const std::string command_ = place_.path() + "/bin/samehost";
};

TEST_F(SecondInstallationTest, Grpc) {
  Check(Samehost(), command_, StockEcho(), "");
  Check(command_, Samehost(), StockEcho(), "");
}

TEST_F(SecondInstallationTest, Zmq) {
  Check(Samehost(), command_, StockZmq(), "tcp://");
  Check(command_, Samehost(), StockZmq(), "tcp://");
}

// An upgrade replaces the files; what runs keeps the old ones.
TEST_F(SecondInstallationTest, LibrariesThatHaveBeenReplaced) {
  for (const std::string& stock : {StockEcho(), StockZmq()}) {
    SCOPED_TRACE(stock);
    Program server({command_, "run", "--", stock, "server", "127.0.0.1:0"}, Environment());
    const std::string line = server.Line();
    const std::string address = "127.0.0.1:" + line.substr(line.rfind(' ') + 1);
    Program client({command_, "run", "--", stock, "client", address, "5", "10"}, Environment());
    EXPECT_EQ(client.Line().substr(0, 7), "5 calls") << client.Errors();
    const std::string lib = place_.path() + "/" SAMEHOST_LIBDIR;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(lib)) {
      if (!entry.is_regular_file()) continue;
      std::filesystem::copy_file(entry.path(), scratch_.path() + "/fresh");
      std::filesystem::rename(scratch_.path() + "/fresh", entry.path());
    }
    const nlohmann::json status = Status();
    for (const auto& one : status["unsupported"]) {
      EXPECT_NE(one["pid"], server.pid()) << one;
      EXPECT_NE(one["pid"], client.pid()) << one;
    }
    const std::string scheme = stock == StockZmq() ? "tcp://" : "";
    const Ended explained = RunToEnd({Samehost(), "explain", scheme + address}, Environment());
    EXPECT_NE(explained.out.find(", with samehost"), std::string::npos) << explained.out;
  }
}

}  // namespace
}  // namespace samehost::cli::testing
