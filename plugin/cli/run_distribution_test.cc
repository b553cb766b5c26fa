// Programs as the distribution ships them, under `samehost run`.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "plugin/cli/testing/program.h"
#include "plugin/cli/testing/sockets.h"

namespace samehost::cli::testing {
namespace {

class RunDistributionTest : public ::testing::Test {
 protected:
  Variables Environment() const { return CleanEnvironment(scratch_.path()); }
  std::string Start(const Words& words, std::unique_ptr<Program>* program) const {
    *program = std::make_unique<Program>(words, Environment());
    const std::string line = (*program)->Line();
    return line.substr(line.rfind(' ') + 1);
  }

  Scratch scratch_;
};

class RunRubyTest : public RunDistributionTest {
 protected:
  void SetUp() override {
    const bool there = IsInstalled("ruby") && RunToEnd({"ruby", "-e", "require 'grpc'"}).code == 0;
    if (!there) GTEST_SKIP() << "ruby-grpc is not installed";
  }
  const Words server_ = {"ruby", TestData("echo_server.rb")};
  Words Client(const std::string& port) const {
    return {"ruby", TestData("echo_client.rb"), "127.0.0.1:" + port, "50", "50000"};
  }
};

// Ruby opens libgrpc privately (RTLD_LOCAL), long after the start.
TEST_F(RunRubyTest, ServerAndClient) {
  std::unique_ptr<Program> server;
  const std::string port = Start(UnderRun(server_), &server);
  Program client(UnderRun(Client(port)), Environment());
  EXPECT_EQ(client.Line(), "50 calls, 2500000 bytes back") << client.Errors();
  const auto links = Entries(Status(), "links", ":" + port);
  ASSERT_EQ(links.size(), 1u);
  EXPECT_EQ(links[0]["client"]["name"], "ruby");
  EXPECT_EQ(links[0]["client"]["messages_sent"], 51);
  EXPECT_EQ(links[0]["server"]["messages_sent"], 53);
  EXPECT_EQ(TcpConnections(port), 0);
  client.CloseInput();
  EXPECT_EQ(client.Wait(), 0) << client.Errors();
  server->CloseInput();
  EXPECT_EQ(server->Wait(), 0) << server->Errors();
  // Ruby 3.3 warns of things in its gRPC.
  std::unique_ptr<Program> stock_server;
  const std::string stock_port = Start(server_, &stock_server);
  Program stock_client(Client(stock_port), Environment());
  EXPECT_EQ(stock_client.Line(), "50 calls, 2500000 bytes back") << stock_client.Errors();
  for (Program* program : {&stock_client, stock_server.get()}) {
    program->CloseInput();
    EXPECT_EQ(program->Wait(), 0) << program->Errors();
  }
  EXPECT_EQ(client.Errors(), stock_client.Errors());
  EXPECT_EQ(server->Errors(), stock_server->Errors());
}

TEST_F(RunRubyTest, TalksToCpp) {
  std::unique_ptr<Program> server;
  const std::string port = Start(UnderRun({StockEcho(), "server", "127.0.0.1:0"}), &server);
  Program client(UnderRun({"ruby", "-I", TestData(""), "-r", "echo_service", "-e",
                           "puts Echo::Stub.new(ARGV[0], :this_channel_is_insecure)"
                           ".echo(Bytes.new('x' * 9)).data; $stdout.flush; $stdin.read",
                           "127.0.0.1:" + port}),
                 Environment());
  EXPECT_EQ(client.Line(), "xxxxxxxxx") << client.Errors();
  EXPECT_EQ(Entries(Status(), "links", ":" + port).size(), 1u);
}

TEST_F(RunRubyTest, TalksToOneThatDoesNotRunSo) {
  std::unique_ptr<Program> server;
  const std::string port = Start(server_, &server);
  Program client(UnderRun(Client(port)), Environment());
  EXPECT_EQ(client.Line(), "50 calls, 2500000 bytes back");
  EXPECT_EQ(Entries(Status(), "links", ":" + port).size(), 0u);
  EXPECT_EQ(TcpConnections(port), 1);
}

// Debian's module brings the whole of gRPC's core along.
TEST_F(RunDistributionTest, PythonsGrpcIsLeftAloneAndNamed) {
  const Words python = {"/usr/bin/python3", "-c",
                        "import grpc\nprint('loaded', flush=True)\ninput()"};
  if (RunToEnd({"/usr/bin/python3", "-c", "import grpc"}).code != 0) {
    GTEST_SKIP() << "python3-grpcio is not installed";
  }
  Program program(UnderRun(python), Environment());
  EXPECT_EQ(program.Line(), "loaded") << program.Errors();
  std::string why;
  const nlohmann::json status = Status();
  for (const auto& one : status["unsupported"]) {
    if (one["pid"] == program.pid() && one["protocol"] == "grpc") why = one["detail"];
  }
  EXPECT_NE(why.find("a copy of gRPC is part of the module"), std::string::npos) << why;
  EXPECT_NE(why.find("cygrpc"), std::string::npos) << why;
}

// Bear watches a build: a gRPC server, and a gRPC client for every compiler that is started; it
// preloads a library of its own.
TEST_F(RunDistributionTest, BearWritesTheSameCompilationDatabase) {
  if (!IsInstalled("bear")) GTEST_SKIP() << "bear is not installed";
  const std::string source = scratch_.path() + "/x.c";
  std::ofstream(source) << "int f(void) { return 1; }\n";
  const std::string build = "cc -c " + source + " -o " + scratch_.path() + "/1.o && cc -DTWO -c " +
                            source + " -o " + scratch_.path() + "/2.o";
  const auto database = [&](const Words& before, const std::string& log, Ended* ended) {
    const std::string file = scratch_.path() + "/compile_commands.json";
    std::filesystem::remove(file);
    Words words = before;
    words.insert(words.end(), {"bear", "--output", file, "--", "sh", "-c", build});
    Variables environment = Environment();
    environment["SAMEHOST_LOG"] = log;
    *ended = RunToEnd(words, environment);
    EXPECT_EQ(ended->code, 0) << ended->errors;
    std::ifstream in(file);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  Ended stock;
  Ended under;
  const std::string expected = database({}, "", &stock);
  EXPECT_EQ(database({Samehost(), "run", "--"}, "info", &under), expected);
  EXPECT_NE(expected.find("-DTWO"), std::string::npos);
  EXPECT_EQ(under.out, stock.out);
  EXPECT_NE(under.errors.find(": shared memory"), std::string::npos) << under.errors;
  // Everything went through shared memory, so there is nothing to say without being asked.
  Ended silent;
  EXPECT_EQ(database({Samehost(), "run", "--"}, "", &silent), expected);
  EXPECT_EQ(silent.errors, stock.errors);
}

}  // namespace
}  // namespace samehost::cli::testing
