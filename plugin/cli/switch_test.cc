// `samehost off` and `samehost on` with stock programs that run meanwhile; and what the other
// commands say of it.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <thread>

#include "plugin/cli/installation.h"
#include "plugin/cli/testing/program.h"

namespace samehost::cli::testing {
namespace {

class SwitchTest : public ::testing::Test {
 protected:
  Variables Environment() const { return CleanEnvironment(scratch_.path()); }
  Ended Do(const Words& words) const {
    Words all = {Samehost()};
    all.insert(all.end(), words.begin(), words.end());
    return RunToEnd(all, Environment());
  }
  // A server and a client that has made one call.
  void Start(const std::string& program) {
    server_ =
        std::make_unique<Program>(UnderRun({program, "server", "127.0.0.1:0"}), Environment());
    const std::string line = server_->Line();
    port_ = line.substr(line.rfind(' ') + 1);
    client_ = Client(program);
  }
  std::unique_ptr<Program> Client(const std::string& program) const {
    auto client = std::make_unique<Program>(
        UnderRun({program, "client", "127.0.0.1:" + port_, "1", "100"}), Environment());
    EXPECT_EQ(client->Line().substr(0, 7), "1 calls") << client->Errors();
    return client;
  }
  size_t Links() const { return Entries(Status(Environment()), "links", ":" + port_).size(); }
  bool Call() {
    client_->Tell("call");
    return client_->Line() == "ok";
  }
  std::vector<std::string> ReasonsOf(const Program& program) const {
    std::vector<std::string> reasons;
    const nlohmann::json status = Status(Environment());
    for (const auto& fallback : Entries(status, "fallbacks", ":" + port_)) {
      if (fallback["pid"] == program.pid()) reasons.push_back(fallback["reason"]);
    }
    return reasons;
  }
  // Calls all the time, from before it is switched off until no link is left, and after.
  void GoesOffAndComesBack(const std::string& program) {
    Start(program);
    ASSERT_EQ(Links(), 1u);
    const Ended off = Do({"off"});
    EXPECT_EQ(off.code, 0) << off.errors;
    EXPECT_NE(off.out.find(scratch_.path() + "/off"), std::string::npos) << off.out;
    ASSERT_TRUE(Eventually([&] {
      EXPECT_TRUE(Call());
      return Links() == 0 || HasFailure();
    }));
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(Call());
    EXPECT_EQ(Links(), 0u);
    EXPECT_EQ(ReasonsOf(*client_), std::vector<std::string>{"switched_off"});
    const auto meanwhile = Client(program);
    EXPECT_EQ(Links(), 0u);
    EXPECT_EQ(ReasonsOf(*meanwhile), std::vector<std::string>{"switched_off"});
    EXPECT_EQ(Do({"on"}).code, 0);
    const auto later = Client(program);
    EXPECT_EQ(Links(), 1u) << "of the client that came after samehost on";
  }

  Scratch scratch_;
  std::string port_;
  std::unique_ptr<Program> server_, client_;
};

TEST_F(SwitchTest, GrpcGoesOffAndComesBack) { GoesOffAndComesBack(StockEcho()); }

TEST_F(SwitchTest, ZmqGoesOffAndComesBack) {
  if (FindInstallation().zmq_folder.empty()) GTEST_SKIP() << "no libzmq of samehost's is built";
  GoesOffAndComesBack(StockZmq());
}

TEST_F(SwitchTest, StatusExplainAndDoctorSayIt) {
  EXPECT_EQ(Do({"status"}).out.find("switched off"), std::string::npos);
  ASSERT_EQ(Do({"off"}).code, 0);
  const std::string file = scratch_.path() + "/off";
  EXPECT_EQ(Do({"status"}).out.find("shared memory is switched off: " + file), 0u);
  const Ended explained = Do({"explain", "127.0.0.1:1"});
  EXPECT_NE(explained.out.find("switches: " + file + " is there"), std::string::npos)
      << explained.out;
  const Ended doctor = Do({"doctor"});
  EXPECT_EQ(doctor.code, 1);
  EXPECT_NE(doctor.out.find("machine's switch: " + file), std::string::npos) << doctor.out;
  ASSERT_EQ(Do({"on"}).code, 0);
  EXPECT_NE(Do({"doctor"}).out.find("machine's switch: on"), std::string::npos);
  EXPECT_EQ(Do({"on"}).out, "Shared memory was not switched off here.\n");
}

TEST_F(SwitchTest, AddressesAreExcluded) {
  ASSERT_EQ(Do({"off", "--exclude", ":2379,127.0.0.1:9000"}).code, 0);
  const std::string by = " is excluded from shared memory by " + scratch_.path() + "/exclude\n";
  EXPECT_EQ(Do({"status"}).out.find(":2379" + by + "127.0.0.1:9000" + by), 0u);
  const Ended wrong = Do({"off", "--exclude", "localhost:9000"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.errors.find("\"localhost:9000\" is no address that can be excluded"),
            std::string::npos);
}

TEST_F(SwitchTest, OnlyRootSwitchesTheMachine) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to become a user";
  Variables nowhere = Environment();
  nowhere["SAMEHOST_DIR"] = "";
  for (const char* command : {"off", "on"}) {
    const Ended ended = RunToEnd(
        {"/usr/bin/setpriv", "--reuid=65533", "--clear-groups", Samehost(), command}, nowhere);
    EXPECT_EQ(ended.code, 3) << ended.errors;
    EXPECT_NE(ended.errors.find("sudo samehost " + std::string(command)), std::string::npos);
  }
}

// In a mount namespace of its own, with a file of its own in the place of /etc/samehost.conf.
class SettingsFileTest : public SwitchTest {
 protected:
  void SetUp() override {
    const Ended ended = With("", "/bin/true");
    if (ended.code != 0) GTEST_SKIP() << "an overlay cannot be mounted here: " << ended.errors;
  }
  Ended With(const std::string& settings, const std::string& command,
             const Variables& more = {}) const {
    const std::string etc = scratch_.path() + "/etc";
    RunToEnd({"/bin/mkdir", "-p", etc});
    std::ofstream(etc + "/samehost.conf") << settings;
    chmod((etc + "/samehost.conf").c_str(), 0644);
    Variables environment = Environment();
    environment["ETC"] = etc;
    for (const auto& [name, value] : more) environment[name] = value;
    // /etc as it is, and the file in it.
    const std::string script =
        "set -e; mount -t tmpfs tmpfs /mnt; mkdir /mnt/upper /mnt/work; "
        "cp -p $ETC/samehost.conf /mnt/upper/; "
        "mount -t overlay overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work /etc; "
        "exec " +
        command;
    return RunToEnd({"/usr/bin/unshare", "--mount", "/bin/sh", "-c", script}, environment);
  }
};

TEST_F(SettingsFileTest, TheFileIsTheDefaultAndTheEnvironmentWins) {
  const std::string explain = Samehost() + " explain 127.0.0.1:1";
  EXPECT_NE(With("SAMEHOST=off\n", explain).out.find("SAMEHOST=off in /etc/samehost.conf"),
            std::string::npos);
  EXPECT_EQ(With("SAMEHOST=off\n", explain, {{"SAMEHOST", "on"}}).out.find("SAMEHOST=off"),
            std::string::npos);
  EXPECT_NE(With("SAMEHOST_EXCLUDE=:1\n", explain).out.find("SAMEHOST_EXCLUDE has :1"),
            std::string::npos);
}

TEST_F(SettingsFileTest, WhatIsWrongWithItIsSaid) {
  const Ended doctor = With("SAMEHOST_WIAT=latency\n", Samehost() + " doctor");
  const std::string problem = "line 1 has the unknown setting \"SAMEHOST_WIAT\"";
  EXPECT_NE(doctor.out.find("/etc/samehost.conf: " + problem), std::string::npos) << doctor.out;
  EXPECT_NE(doctor.errors.find("samehost: /etc/samehost.conf: " + problem), std::string::npos)
      << doctor.errors;
}

// Whatever directory a process uses.
TEST_F(SettingsFileTest, TheMachinesDirectoryCountsAlways) {
  const std::string script =
      "/bin/sh -c 'mount -t tmpfs tmpfs /run && mkdir -m 1777 /run/samehost && " + Samehost() +
      " off --dir /run/samehost && exec " + Samehost() + " explain 127.0.0.1:1'";
  EXPECT_NE(With("", script).out.find("switches: /run/samehost/off is there"), std::string::npos);
}

TEST_F(SettingsFileTest, ProgramsObeyIt) {
  auto server =
      std::make_unique<Program>(UnderRun({StockEcho(), "server", "127.0.0.1:0"}), Environment());
  const std::string line = server->Line();
  const std::string client = Samehost() + " run -v -- " + StockEcho() +
                             " client 127.0.0.1:" + line.substr(line.rfind(' ') + 1) + " 1 100";
  EXPECT_NE(With("", client).errors.find("shared memory"), std::string::npos);
  const Ended off = With("SAMEHOST=off\n", client);
  EXPECT_EQ(off.code, 0);
  EXPECT_NE(off.errors.find("SAMEHOST=off in /etc/samehost.conf"), std::string::npos) << off.errors;
}

}  // namespace
}  // namespace samehost::cli::testing
