#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "plugin/cli/program_file.h"
#include "plugin/cli/run.h"
#include "plugin/cli/testing/program.h"

namespace samehost::cli {
namespace {

class SettingsForTest : public ::testing::Test {
 protected:
  SettingsForTest() {
    for (const char* name : {"LD_PRELOAD", "LD_LIBRARY_PATH", "SAMEHOST_EXCLUDE", "SAMEHOST_LOG",
                             "SAMEHOST_ZMQ", "SAMEHOST_ALLOW_USERS", "SAMEHOST_ALLOW_GROUPS"}) {
      unsetenv(name);
    }
  }
  std::string Value(const std::string& name) const {
    for (const Setting& setting : SettingsFor(options_, program_, installation_)) {
      if (setting.name == name) return setting.value;
    }
    return "";
  }

  RunOptions options_{.program = {"program"}};
  ProgramFile program_{.path = "/bin/program", .kind = ProgramKind::kDynamic};
  Installation installation_{.preload = "/lib/p.so", .grpc = "/lib/g.so", .zmq_folder = ""};
};

TEST_F(SettingsForTest, OnlyTheLibraries) {
  EXPECT_EQ(SettingsFor(options_, program_, installation_),
            (std::vector<Setting>{{"LD_PRELOAD", "/lib/p.so"}}));
  installation_.zmq_folder = "/lib/samehost";
  EXPECT_EQ(Value("LD_LIBRARY_PATH"), "/lib/samehost");
  EXPECT_EQ(Value("SAMEHOST_ZMQ"), "ipc,tcp");
  setenv("SAMEHOST_ZMQ", "ipc", 1);
  EXPECT_EQ(Value("SAMEHOST_ZMQ"), "") << "the user's own stays";
  options_.zmq = false;
  EXPECT_EQ(Value("LD_LIBRARY_PATH"), "");
  options_.grpc = false;
  EXPECT_TRUE(SettingsFor(options_, program_, installation_).empty());
}

TEST_F(SettingsForTest, WhatIsThereStays) {
  setenv("LD_PRELOAD", "/lib/other.so", 1);
  setenv("LD_LIBRARY_PATH", "/opt/lib", 1);
  setenv("SAMEHOST_EXCLUDE", ":1", 1);
  installation_.zmq_folder = "/lib/samehost";
  options_.exclude = {":2", ":3"};
  EXPECT_EQ(Value("LD_PRELOAD"), "/lib/p.so /lib/other.so");
  EXPECT_EQ(Value("LD_LIBRARY_PATH"), "/lib/samehost:/opt/lib");
  EXPECT_EQ(Value("SAMEHOST_EXCLUDE"), ":2,:3,:1");
}

TEST_F(SettingsForTest, OnceIsEnough) {
  setenv("LD_PRELOAD", "/lib/other.so:/lib/p.so", 1);
  EXPECT_EQ(Value("LD_PRELOAD"), "/lib/other.so:/lib/p.so");
}

TEST_F(SettingsForTest, Options) {
  options_.replace_tls = true;
  options_.wait = "latency";
  options_.directory = "/run/x";
  options_.verbose = true;
  EXPECT_EQ(Value("SAMEHOST_REPLACE_TLS"), "1");
  EXPECT_EQ(Value("SAMEHOST_WAIT"), "latency");
  EXPECT_EQ(Value("SAMEHOST_DIR"), "/run/x");
  EXPECT_EQ(Value("SAMEHOST_LOG"), "info");
  setenv("SAMEHOST_LOG", "debug", 1);
  EXPECT_EQ(Value("SAMEHOST_LOG"), "");
}

TEST_F(SettingsForTest, AllowedUsersAndGroups) {
  EXPECT_EQ(Value("SAMEHOST_ALLOW_USERS"), "");
  options_.allow_users = {"app", "1002"};
  options_.allow_groups = {"staff"};
  EXPECT_EQ(Value("SAMEHOST_ALLOW_USERS"), "app,1002");
  EXPECT_EQ(Value("SAMEHOST_ALLOW_GROUPS"), "staff");
  setenv("SAMEHOST_ALLOW_USERS", "7", 1);
  EXPECT_EQ(Value("SAMEHOST_ALLOW_USERS"), "app,1002,7");
}

TEST_F(SettingsForTest, NothingForProgramsThatTakeNoLibraries) {
  for (const ProgramKind kind : {ProgramKind::kStatic, ProgramKind::kForeign}) {
    program_.kind = kind;
    EXPECT_TRUE(SettingsFor(options_, program_, installation_).empty());
  }
  program_.kind = ProgramKind::kDynamic;
  program_.privileged = true;
  EXPECT_TRUE(SettingsFor(options_, program_, installation_).empty());
}

TEST_F(SettingsForTest, APathThatTheLinkerWouldSplit) {
  installation_.preload = "/my lib/p.so";
  EXPECT_TRUE(SettingsFor(options_, program_, installation_).empty());
  bool told = false;
  for (const Remark& remark : RemarksOn(options_, program_, installation_)) {
    told = told || (!remark.verbose && remark.text.find("/my lib/p.so") != std::string::npos);
  }
  EXPECT_TRUE(told);
}

class RemarksOnTest : public SettingsForTest {
 protected:
  RemarksOnTest() { installation_.zmq_folder = "/lib/samehost"; }
  std::string Remarks() const {
    std::string out;
    for (const Remark& remark : RemarksOn(options_, program_, installation_)) {
      EXPECT_TRUE(remark.verbose) << remark.text;
      out += remark.text + "\n";
    }
    return out;
  }
  bool Says(const std::string& text) const { return Remarks().find(text) != std::string::npos; }
};

// What a program will load is not known before it runs.
TEST_F(RemarksOnTest, WhatWouldBeServedAndWhatNot) {
  EXPECT_TRUE(Says("where it loads " SAMEHOST_GRPC_SONAME " and libzmq.so.5 as libraries"))
      << Remarks();
  EXPECT_TRUE(Says("wheels")) << Remarks();
  options_.grpc = false;
  EXPECT_TRUE(Says("where it loads libzmq.so.5 as libraries")) << Remarks();
  options_.zmq = false;
  EXPECT_TRUE(Says("is not served")) << Remarks();
  EXPECT_FALSE(Says("libzmq.so.5")) << Remarks();
}

TEST_F(RemarksOnTest, WhatTheProgramNeedsAndHolds) {
  program_.needs = {"libgrpc++.so.1.51", "libgrpc_unsecure.so.29", "libgrpc.so.77", "libzmq.so.5",
                    SAMEHOST_GRPC_SONAME};
  EXPECT_TRUE(Says("needs libgrpc++.so.1.51 and libgrpc_unsecure.so.29 and")) << Remarks();
  for (const char* other : {"libgrpc_unsecure.so.29", "libgrpc.so.77"}) {
    EXPECT_TRUE(Says(std::string(other) + " is not the gRPC that")) << Remarks();
  }
  EXPECT_FALSE(Says(SAMEHOST_GRPC_SONAME " is not the gRPC")) << Remarks();
  EXPECT_FALSE(Says("a copy of")) << Remarks();
  program_.own = {.grpc = true, .zmq = true};
  EXPECT_TRUE(Says("a copy of gRPC is part of")) << Remarks();
  EXPECT_TRUE(Says("a copy of libzmq is part of")) << Remarks();
}

class InspectProgramTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& content, mode_t mode = 0755) const {
    const std::string path = scratch_.path() + "/program";
    std::ofstream(path, std::ios::binary) << content;
    chmod(path.c_str(), mode);
    return path;
  }
  testing::Scratch scratch_;
};

TEST_F(InspectProgramTest, Kinds) {
  EXPECT_EQ(InspectProgram(testing::StockEcho())->kind, ProgramKind::kDynamic);
  EXPECT_EQ(InspectProgram(Write("#!/bin/sh\n"))->kind, ProgramKind::kScript);
  EXPECT_EQ(InspectProgram(Write("words"))->kind, ProgramKind::kOther);
  EXPECT_EQ(InspectProgram(Write(""))->kind, ProgramKind::kOther);
  std::ifstream in(testing::StockEcho(), std::ios::binary);
  std::string foreign(std::istreambuf_iterator<char>(in), {});
  foreign[18] = 0x28;  // e_machine
  EXPECT_EQ(InspectProgram(Write(foreign))->kind, ProgramKind::kForeign);
  EXPECT_FALSE(InspectProgram(scratch_.path() + "/missing").ok());
}

TEST_F(InspectProgramTest, BrokenElf) {
  std::ifstream in(testing::StockEcho(), std::ios::binary);
  std::string elf(std::istreambuf_iterator<char>(in), {});
  for (const size_t cut : {size_t{4}, size_t{20}, size_t{63}, size_t{64}, size_t{100}}) {
    EXPECT_TRUE(InspectProgram(Write(elf.substr(0, cut))).ok());
  }
  for (size_t i = 32; i < 60; ++i) {
    std::string odd = elf;
    odd[i] = static_cast<char>(0xff);
    EXPECT_TRUE(InspectProgram(Write(odd)).ok());
  }
}

TEST_F(InspectProgramTest, RightsOfItsOwn) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const std::string path = Write("#!/bin/sh\n");
  ASSERT_EQ(chown(path.c_str(), 12345, 12345), 0);
  chmod(path.c_str(), 04755);
  EXPECT_EQ(InspectProgram(path)->why_privileged, "setuid");
  chmod(path.c_str(), 02755);
  EXPECT_EQ(InspectProgram(path)->why_privileged, "setgid");
  chmod(path.c_str(), 0755);
  EXPECT_FALSE(InspectProgram(path)->privileged);
}

TEST_F(InspectProgramTest, LibrariesThatItNeeds) {
  const auto needs = InspectProgram(testing::StockEcho())->needs;
  ASSERT_FALSE(needs.empty());
  for (const std::string& name : needs) EXPECT_EQ(name.rfind("libgrpc", 0), 0u) << name;
  EXPECT_EQ(InspectProgram(testing::StockZmq())->needs, std::vector<std::string>{"libzmq.so.5"});
  EXPECT_TRUE(InspectProgram(testing::StockZmq(), /*look_inside=*/false)->needs.empty());
}

TEST_F(InspectProgramTest, FoundAsTheShellDoes) {
  EXPECT_EQ(*FindProgram("sh"), "/usr/bin/sh");
  EXPECT_EQ(FindProgram("no-such-program-anywhere").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(FindProgram("").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(FindProgram("/etc/passwd").error().sys_errno, EACCES);
  EXPECT_EQ(FindProgram("/no/such").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace samehost::cli
