// What `samehost run` cannot or must not serve: it works as without, and is said to be left alone.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "plugin/cli/installation.h"
#include "plugin/cli/testing/program.h"
#include "plugin/cli/testing/sockets.h"

namespace samehost::cli::testing {
namespace {

// Another program of this build tree.
std::string Beside(const std::string& name) {
  const std::string echo = StockEcho();
  return echo.substr(0, echo.rfind('/') + 1) + name;
}

class RunLeftAloneTest : public ::testing::Test {
 protected:
  Variables Environment() const { return CleanEnvironment(scratch_.path()); }
  // What status says of it for this protocol; empty: nothing.
  static std::string WhyLeftAlone(const Program& program, const std::string& protocol) {
    const nlohmann::json status = Status();
    for (const auto& one : status["unsupported"]) {
      if (one["pid"] == program.pid() && one["protocol"] == protocol) return one["detail"];
    }
    return "";
  }
  static std::string PortOf(Program* server) {
    const std::string line = server->Line();
    EXPECT_EQ(line.substr(0, 10), "listening ") << server->Errors();
    return line.substr(10);
  }
  // A client under samehost run is served over the socket.
  void ExpectSocket(const std::string& client_program, const std::string& port) const {
    const std::string address = "127.0.0.1:" + port;
    Program client(UnderRun({client_program, "client", address, "10", "1000"}), Environment());
    EXPECT_EQ(client.Line().substr(0, 29), "10 calls, 10000 bytes back, p") << client.Errors();
    EXPECT_TRUE(Entries(Status(), "links", address).empty());
    EXPECT_EQ(TcpConnections(port), 1);
    EXPECT_GE(TcpBytes(port), 20000u);
  }

  Scratch scratch_;
};

TEST_F(RunLeftAloneTest, AnotherGrpc) {
  for (const char* name : {"fake_grpc_of_other_name", "fake_grpc_of_other_version"}) {
    SCOPED_TRACE(name);
    Variables environment = Environment();
    environment["SAMEHOST_LOG"] = "info";
    Program program(UnderRun({Beside(name)}), environment);
    EXPECT_EQ(program.Line(), "init");
    EXPECT_EQ(program.Line().substr(0, 15), "channel target ");
    EXPECT_EQ(program.Line().substr(0, 19), "port (nil) address ");
    EXPECT_EQ(program.Line(), "answer 17");
    EXPECT_EQ(program.Line(), "done");
    EXPECT_NE(program.Errors().find("gRPC is not served"), std::string::npos) << program.Errors();
    EXPECT_NE(WhyLeftAlone(program, "grpc"), "");
    program.CloseInput();
    EXPECT_EQ(program.Wait(), 0);
  }
}

class RunStaticTest : public RunLeftAloneTest {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(Inside())) {
      GTEST_SKIP() << "the distribution's gRPC has no static library, or it does not link";
    }
  }
  // gRPC is part of the program; the C library is not.
  static std::string Inside() { return Beside("stock_echo_with_grpc_inside"); }
  // Everything is.
  static std::string Static() { return Beside("stock_echo_static"); }
};

TEST_F(RunStaticTest, AGrpcInsideTheProgram) {
  Program server(UnderRun({Inside(), "server", "127.0.0.1:0"}, {"--verbose"}), Environment());
  ExpectSocket(StockEcho(), PortOf(&server));
  EXPECT_NE(WhyLeftAlone(server, "grpc").find("a copy of gRPC is part of the program"),
            std::string::npos);
  EXPECT_NE(server.Errors().find("a copy of gRPC is part of"), std::string::npos)
      << server.Errors();
  // As a client, too.
  Program stock(UnderRun({StockEcho(), "server", "127.0.0.1:0"}), Environment());
  ExpectSocket(Inside(), PortOf(&stock));
}

// Nothing can be preloaded, so status does not know it; run does.
TEST_F(RunStaticTest, AProgramWithoutADynamicLinker) {
  Program server(UnderRun({Static(), "server", "127.0.0.1:0"}, {"--verbose"}), Environment());
  ExpectSocket(StockEcho(), PortOf(&server));
  EXPECT_NE(server.Errors().find("is statically linked: it is not served"), std::string::npos)
      << server.Errors();
  Program stock(UnderRun({StockEcho(), "server", "127.0.0.1:0"}), Environment());
  ExpectSocket(Static(), PortOf(&stock));
}

// As a wheel's, which its extension modules find by their own run path.
TEST_F(RunLeftAloneTest, ALibzmqBehindAnRpath) {
  if (FindInstallation().zmq_folder.empty()) GTEST_SKIP() << "no libzmq of samehost's is built";
  Program server(UnderRun({Beside("stock_zmq_behind_rpath"), "server", "127.0.0.1:0"}),
                 Environment());
  ExpectSocket(StockZmq(), PortOf(&server));
  EXPECT_NE(WhyLeftAlone(server, "zmq").find("brings along its own libzmq"), std::string::npos);
}

// As Debian's python3-grpcio, and Node's addons.
TEST_F(RunLeftAloneTest, ModulesWithACopyInside) {
  Program program(
      UnderRun({Beside("module_user"), Beside("fake_grpc_module.so"), Beside("fake_zmq_module.so")},
               {"--verbose"}),
      Environment());
  EXPECT_EQ(program.Line(), "loaded") << program.Errors();
  EXPECT_EQ(WhyLeftAlone(program, "grpc"),
            "a copy of gRPC is part of the module " + Beside("fake_grpc_module.so"));
  EXPECT_EQ(WhyLeftAlone(program, "zmq"),
            "a copy of libzmq is part of the module " + Beside("fake_zmq_module.so"));
  EXPECT_NE(program.Errors().find("samehost status names it"), std::string::npos)
      << program.Errors();
  // One that needs nothing of either is not named.
  Program other(UnderRun({Beside("module_user")}), Environment());
  EXPECT_EQ(other.Line(), "loaded");
  EXPECT_EQ(WhyLeftAlone(other, "grpc") + WhyLeftAlone(other, "zmq"), "");
}

TEST_F(RunLeftAloneTest, SetuidProgramsWithAMessage) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  Scratch folder;
  chmod(folder.path().c_str(), 0755);
  for (const std::string& stock : {StockEcho(), StockZmq()}) {
    SCOPED_TRACE(stock);
    const std::string program = folder.path() + stock.substr(stock.rfind('/'));
    std::filesystem::copy_file(stock, program);
    ASSERT_EQ(chown(program.c_str(), 12345, 12345), 0);
    ASSERT_EQ(chmod(program.c_str(), 04755), 0);
    Program server(UnderRun({program, "server", "127.0.0.1:0"}), Environment());
    ExpectSocket(stock, PortOf(&server));
    EXPECT_NE(server.Errors().find("setuid"), std::string::npos) << server.Errors();
  }
}

}  // namespace
}  // namespace samehost::cli::testing
