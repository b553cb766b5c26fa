// What dpkg's status file says, and what follows for samehost's own libraries.
#include "plugin/cli/outdated.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "plugin/cli/testing/program.h"

namespace samehost::cli {
namespace {

class DpkgStatusTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& content) const {
    const std::string path = scratch_.path() + "/status";
    std::ofstream(path) << content;
    return path;
  }
  testing::Scratch scratch_;
};

TEST_F(DpkgStatusTest, SourceVersions) {
  const std::string status = Write(
      "Package: libzmq5-dev\nStatus: install ok installed\nVersion: 9\n\n"
      "Package: libzmq5\nStatus: deinstall ok config-files\nSource: zeromq3\nVersion: 8\n\n"
      "Package: libzmq5\nStatus: install ok installed\nSource: zeromq3\nVersion: 4.3.4-6\n"
      "Description: words\n Package: libzmq5 in the text\n\n"
      "Package: libgrpc29t64\nStatus: install ok installed\nSource: grpc (1.51.1-6)\n"
      "Version: 1.51.1-6+b3");
  const auto zmq = FindInstalledPackage(status, "libzmq5");
  ASSERT_TRUE(zmq);
  EXPECT_EQ(zmq->name, "libzmq5");
  EXPECT_EQ(zmq->source_version, "4.3.4-6");
  const auto grpc = FindInstalledPackage(status, "libgrpc29");
  ASSERT_TRUE(grpc);
  EXPECT_EQ(grpc->name, "libgrpc29t64");
  EXPECT_EQ(grpc->source_version, "1.51.1-6");
  EXPECT_FALSE(FindInstalledPackage(status, "libzmq"));
}

TEST_F(DpkgStatusTest, FilesThatAreNone) {
  for (const char* text :
       {"", "\n\n\n", "Package:", "Package: libzmq5", "Package: libzmq5\nStatus:"}) {
    EXPECT_FALSE(FindInstalledPackage(Write(text), "libzmq5")) << text;
  }
  EXPECT_FALSE(FindInstalledPackage(scratch_.path() + "/missing", "libzmq5"));
  EXPECT_FALSE(FindInstalledPackage(scratch_.path(), "libzmq5"));
  // Nobody writes into this one, and nobody waits for that.
  const std::string fifo = scratch_.path() + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_FALSE(FindInstalledPackage(fifo, "libzmq5"));
}

// The real one.
TEST_F(DpkgStatusTest, AgreesWithDpkgQuery) {
  if (!testing::IsInstalled("dpkg-query")) GTEST_SKIP() << "dpkg is not installed";
  const auto query = [](const std::string& name) {
    return testing::RunToEnd({"dpkg-query", "-W", "-f", "${source:Version}", name});
  };
  for (const std::string name : {"libc6", "libzmq5", "libgrpc29", "no-such-package"}) {
    testing::Ended dpkg = query(name);
    // Since the transition to 64-bit time_t; the old name may be known, and not installed.
    if (dpkg.code != 0 || dpkg.out.empty()) dpkg = query(name + "t64");
    const auto installed = FindInstalledPackage(DpkgStatusFile(), name);
    EXPECT_EQ(installed ? installed->source_version : "", dpkg.code == 0 ? dpkg.out : "") << name;
  }
}

TEST(BuiltFromTest, IsOutdatedWhenBothAreKnownAndTheInstalledOneIsNewer) {
  const auto outdated = [](const std::string& source, const std::string& installed) {
    BuiltFrom library{"zmq", "/lib/libzmq.so.5", source, {}};
    if (!installed.empty()) library.installed = InstalledPackage{"libzmq5", installed};
    return library.IsOutdated();
  };
  EXPECT_TRUE(outdated("4.3.4-6", "4.3.4-6+deb12u1"));
  EXPECT_FALSE(outdated("4.3.4-6", "4.3.4-6"));
  EXPECT_FALSE(outdated("4.3.5-1", "4.3.4-6+deb12u1"));
  EXPECT_FALSE(outdated("", "4.3.4-6"));
  EXPECT_FALSE(outdated("4.3.4-6", ""));
}

}  // namespace
}  // namespace samehost::cli
