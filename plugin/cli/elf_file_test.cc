// What files say and contain: real libraries, and files that are cut short or damaged.
#include "plugin/cli/elf_file.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <random>

#include "plugin/cli/installation.h"
#include "plugin/cli/own_copy.h"
#include "plugin/cli/regular_file.h"
#include "plugin/cli/testing/program.h"

namespace samehost::cli {
namespace {

std::string Beside(const std::string& name) {
  const std::string echo = testing::StockEcho();
  return echo.substr(0, echo.rfind('/') + 1) + name;
}

std::string ContentOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Which of the two are part of it: "", "grpc", "zmq", "grpc zmq".
std::string OwnCopyOf(const std::string& path) {
  const UniqueFd fd = OpenRegularFile(path);
  EXPECT_TRUE(fd.valid()) << path;
  const OwnCopy own = FindOwnCopy(fd.get());
  return std::string(own.grpc ? "grpc" : "") + (own.grpc && own.zmq ? " " : "") +
         (own.zmq ? "zmq" : "");
}

std::optional<LibraryNote> NoteIn(const std::string& path) {
  const UniqueFd fd = OpenRegularFile(path);
  EXPECT_TRUE(fd.valid()) << path;
  return ElfFile::FromDescriptor(fd.get()).FindNote();
}

class ElfFileTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& content) const {
    const std::string path = scratch_.path() + "/file";
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  // All that is asked of any file; what it answers does not matter, that it answers does.
  void AskAll(const std::string& path) const {
    const UniqueFd fd = OpenRegularFile(path);
    const ElfFile file = ElfFile::FromDescriptor(fd.get());
    (void)file.NamesDynamicLinker();
    (void)file.NeededLibraries();
    (void)file.FindNote();
    (void)FindOwnCopy(fd.get());
  }
  testing::Scratch scratch_;
};

TEST_F(ElfFileTest, NotesOfSamehostsLibraries) {
  const Installation installation = FindInstallation();
  const auto grpc = NoteIn(installation.grpc);
  ASSERT_TRUE(grpc);
  EXPECT_EQ(grpc->library, "grpc");
  EXPECT_EQ(grpc->version, SAMEHOST_VERSION);
  EXPECT_FALSE(NoteIn(testing::StockEcho()));
  if (installation.zmq_folder.empty()) GTEST_SKIP() << "no libzmq of samehost's is built";
  const auto zmq = NoteIn(installation.zmq_folder + "/libzmq.so.5");
  ASSERT_TRUE(zmq);
  EXPECT_EQ(zmq->library, "zmq");
}

TEST_F(ElfFileTest, ANoteOutlivesStrip) {
  if (!testing::IsInstalled("strip")) GTEST_SKIP() << "strip is not installed";
  const std::string stripped = scratch_.path() + "/stripped.so";
  ASSERT_EQ(testing::RunToEnd({"strip", "-o", stripped, FindInstallation().grpc}).code, 0);
  ASSERT_TRUE(NoteIn(stripped));
  EXPECT_EQ(NoteIn(stripped)->library, "grpc");
}

// A library that has been replaced on the disk is still in the memory of who uses it.
TEST_F(ElfFileTest, NotesInAProcessMemory) {
  void* handle = dlopen(FindInstallation().grpc.c_str(), RTLD_LAZY | RTLD_LOCAL);
  ASSERT_NE(handle, nullptr) << dlerror();
  link_map* map = nullptr;
  ASSERT_EQ(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
  const auto note = ElfFile::FromMemory(getpid(), map->l_addr).FindNote();
  ASSERT_TRUE(note);
  EXPECT_EQ(note->library, "grpc");
  EXPECT_FALSE(ElfFile::FromMemory(getpid(), 0).valid());
}

TEST_F(ElfFileTest, OwnCopies) {
  EXPECT_EQ(OwnCopyOf(Beside("fake_grpc_module.so")), "grpc");
  EXPECT_EQ(OwnCopyOf(Beside("fake_zmq_module.so")), "zmq");
  // What only calls them.
  EXPECT_EQ(OwnCopyOf(testing::StockEcho()), "");
  EXPECT_EQ(OwnCopyOf(testing::StockZmq()), "");
  // And what only looks for them.
  EXPECT_EQ(OwnCopyOf(testing::Samehost()), "");
  // The libraries themselves.
  for (const char* name : {SAMEHOST_GRPC_SONAME, "libzmq.so.5"}) {
    void* handle = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    ASSERT_NE(handle, nullptr) << dlerror();
    link_map* map = nullptr;
    ASSERT_EQ(dlinfo(handle, RTLD_DI_LINKMAP, &map), 0);
    EXPECT_EQ(OwnCopyOf(map->l_name), std::strstr(name, "zmq") != nullptr ? "zmq" : "grpc");
  }
}

// Without a table of sections all of the file is looked through, and no text is missed because it
// lies across the border of two reads.
TEST_F(ElfFileTest, TextAcrossTheBorderOfTwoReads) {
  std::string elf = ContentOf(testing::StockEcho()).substr(0, sizeof(Elf64_Ehdr));
  Elf64_Ehdr header;
  std::memcpy(&header, elf.data(), sizeof(header));
  header.e_shnum = 0;
  std::memcpy(elf.data(), &header, sizeof(header));
  const std::string text = std::string("grpc.internal.") + "security_connector" + '\0';
  for (size_t before = 0; before <= text.size(); ++before) {
    std::string file = elf;
    file.resize((size_t{1} << 20) - before, 'x');
    EXPECT_EQ(OwnCopyOf(Write(file + text)), "grpc") << before;
    EXPECT_EQ(OwnCopyOf(Write(file + text.substr(0, text.size() - 1))), "") << before;
  }
}

TEST_F(ElfFileTest, FilesThatAreCutShort) {
  const std::string whole = ContentOf(Beside("fake_grpc_module.so"));
  ASSERT_GT(whole.size(), 4096u);
  for (size_t size = 0; size < whole.size(); size += size < 200 ? 1 : 997) {
    AskAll(Write(whole.substr(0, size)));
  }
}

TEST_F(ElfFileTest, FilesThatAreDamaged) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const std::string whole = ContentOf(FindInstallation().grpc).substr(0, 20000);
  for (int round = 0; round < 300; ++round) {
    std::string file = whole;
    // Mostly the header and the table of segments.
    for (int i = 0; i < 8; ++i) file[random() % (round % 2 == 0 ? 700 : file.size())] = random();
    std::memcpy(file.data(), whole.data(), 20);  // an ELF file for this machine it stays
    AskAll(Write(file));
  }
}

TEST_F(ElfFileTest, OnlyRegularFilesAreOpened) {
  const std::string fifo = scratch_.path() + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_FALSE(OpenRegularFile(fifo).valid());
  EXPECT_FALSE(OpenRegularFile("/dev/null").valid());
  EXPECT_FALSE(OpenRegularFile(scratch_.path()).valid());
  EXPECT_FALSE(OpenRegularFile(scratch_.path() + "/missing").valid());
  EXPECT_TRUE(OpenRegularFile("/proc/self/exe").valid());
}

}  // namespace
}  // namespace samehost::cli
