// `samehost doctor` on this machine, and on what it would be with something missing.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "plugin/cli/installation.h"
#include "plugin/cli/outdated.h"
#include "plugin/cli/testing/program.h"

namespace samehost::cli::testing {
namespace {

class DoctorTest : public ::testing::Test {
 protected:
  struct Told {
    int code = -1;
    nlohmann::json json;
    // The grade of a finding whose name and detail go like this; "" when there is none.
    std::string Grade(const std::string& what, const std::string& detail = "") const {
      for (const auto& finding : json["findings"]) {
        if (finding["what"] == what &&
            finding["detail"].get<std::string>().find(detail) != std::string::npos) {
          return finding["grade"];
        }
      }
      return "";
    }
  };
  Told Ask(const Variables& more = {}, const std::string& limits = "") const {
    Variables environment = CleanEnvironment(scratch_.path());
    for (const auto& [name, value] : more) environment[name] = value;
    const Ended ended =
        RunToEnd({"sh", "-c", limits + " exec \"$0\" doctor --json", Samehost()}, environment);
    return {ended.code, nlohmann::json::parse(ended.out, nullptr, false)};
  }

  Scratch scratch_;
};

TEST_F(DoctorTest, ThisMachineIsGood) {
  const Told told = Ask();
  EXPECT_EQ(told.code, 0) << told.json.dump(2);
  EXPECT_EQ(told.json["good"], true);
  for (const char* what :
       {"kernel", "sealed memory", "doorbells", "sockets of this host", "rendezvous directory",
        "file descriptors", "locked memory", "gRPC", "samehost's gRPC library", "samehost run",
        "environment", "a real link"}) {
    EXPECT_EQ(told.Grade(what), "ok") << what << told.json.dump(2);
  }
  for (const char* what : {"large messages", "end of a peer", "/proc", "memory", "processors"}) {
    EXPECT_NE(told.Grade(what), "") << what;
    EXPECT_NE(told.Grade(what), "bad") << what;
  }
}

TEST_F(DoctorTest, DirectoryThatIsNotSafe) {
  ASSERT_EQ(chmod(scratch_.path().c_str(), 0777), 0);
  const Told told = Ask();
  EXPECT_EQ(told.code, 1);
  EXPECT_EQ(told.Grade("rendezvous directory", "not trusted"), "bad");
  EXPECT_EQ(told.Grade("a real link", "not trusted"), "bad");
}

TEST_F(DoctorTest, NoDirectory) {
  const Told told = Ask({{"SAMEHOST_DIR", scratch_.path() + "/missing/too"}});
  EXPECT_EQ(told.code, 1);
  EXPECT_EQ(told.Grade("rendezvous directory"), "bad");
}

TEST_F(DoctorTest, FewDescriptors) {
  const Told told = Ask({}, "ulimit -n 18;");
  EXPECT_EQ(told.code, 1);
  EXPECT_EQ(told.Grade("file descriptors"), "bad");
}

TEST_F(DoctorTest, Environment) {
  EXPECT_EQ(Ask({{"SAMEHOST", "off"}}).Grade("environment", "SAMEHOST=off"), "bad");
  EXPECT_EQ(Ask({{"GRPC_POLL_STRATEGY", "poll"}}).Grade("environment", "poll"), "bad");
  EXPECT_EQ(Ask({{"SAMEHOST_EXCLUDE", ":1"}}).Grade("environment", ":1"), "note");
  EXPECT_EQ(Ask({{"http_proxy", "http://x"}}).Grade("environment", "http_proxy"), "note");
}

// Values that programs would only complain of in their log, or not at all.
TEST_F(DoctorTest, EnvironmentThatNobodyKnows) {
  for (const auto& [name, value] : Variables{{"SAMEHOST", "flase"},
                                             {"SAMEHOST_WAIT", "nonsense"},
                                             {"SAMEHOST_LOG", "loud"},
                                             {"SAMEHOST_ZMQ", "udp"},
                                             {"SAMEHOST_ALLOW_USERS", "nosuchuser"},
                                             {"SAMEHOST_ALLOW_GROUPS", "nosuchgroup"},
                                             {"SAMEHOST_EXCLUDE", "nonsense"},
                                             {"SAMEHOST_REPLACE_TLS", "yes"},
                                             {"SAMEHOST_WIAT", "latency"}}) {
    const Told told = Ask({{name, value}});
    EXPECT_EQ(told.Grade("environment", name + "=" + value), "note") << told.json.dump(2);
  }
}

TEST_F(DoctorTest, RemovesWhatDeadServersLeft) {
  {
    Program server({Samehost(), "run", "--", StockEcho(), "server", "127.0.0.1:0"},
                   CleanEnvironment(scratch_.path()));
    ASSERT_NE(server.Line(), "");
  }  // killed
  EXPECT_EQ(Ask().Grade("rendezvous directory", "1 entry of a dead server was removed"), "ok");
  EXPECT_EQ(Ask().Grade("rendezvous directory", "removed"), "");
}

// As after a security update of the distribution's.
TEST_F(DoctorTest, AnUpdateThatOurLibrariesLack) {
  const auto status = [&](const std::string& revision) {
    std::ofstream(scratch_.path() + "/status")
        << "Package: libzmq5\nStatus: install ok installed\nSource: zeromq3\nVersion: 99.0-1"
        << revision << "\n\nPackage: libgrpc29\nStatus: install ok installed\nSource: grpc ("
        << "1.51.1-99" << revision << ")\nVersion: 1.51.1-99+b1\n";
  };
  const Variables there = {{"DPKG_ADMINDIR", scratch_.path()}};
  status("+deb12u1");
  const Told told = Ask(there);
  EXPECT_EQ(told.code, 0) << "it works all the same";
  EXPECT_EQ(told.Grade("updates of gRPC", "1.51.1-99+deb12u1"), "note") << told.json.dump(2);
  const Ended text = RunToEnd({Samehost(), "status"}, there);
  EXPECT_NE(text.out.find("Warning: the installed libgrpc29 is 1.51.1-99+deb12u1"),
            std::string::npos)
      << text.out;
  // A libzmq that was built from another source than the distribution's has no version to compare.
  bool of_debian = false;
  for (const BuiltFrom& library : FindBuiltFrom(FindInstallation())) {
    of_debian |= library.library == "zmq" && !library.source.empty();
  }
  EXPECT_EQ(Status(there)["outdated"].back()["installed"],
            of_debian ? "99.0-1+deb12u1" : "1.51.1-99+deb12u1");
  if (of_debian) {
    EXPECT_EQ(told.Grade("updates of ZeroMQ", "99.0-1+deb12u1"), "note") << told.json.dump(2);
    EXPECT_NE(text.out.find("Warning: the installed libzmq5 is 99.0-1+deb12u1"), std::string::npos);
  }
  // The same source, and no dpkg at all.
  EXPECT_EQ(Ask({{"DPKG_ADMINDIR", scratch_.path() + "/missing"}}).Grade("updates of gRPC"), "ok");
  EXPECT_TRUE(Status({{"DPKG_ADMINDIR", scratch_.path() + "/missing"}})["outdated"].empty());
}

// A library path on which another gRPC comes first.
TEST_F(DoctorTest, AnotherGrpc) {
  const std::string folder =
      StockEcho().substr(0, StockEcho().rfind('/')) + "/fake_grpc_of_other_version_library_folder";
  const Told told = Ask({{"LD_LIBRARY_PATH", folder}});
  EXPECT_EQ(told.code, 1);
  EXPECT_EQ(told.Grade("gRPC", "samehost was built for"), "bad");
  EXPECT_EQ(told.Grade("samehost's gRPC library"), "bad");
}

}  // namespace
}  // namespace samehost::cli::testing
