#include "plugin/rendezvous/decision_page.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "plugin/shm/segment.h"

namespace samehost::rendezvous {
namespace {

// As `samehost status` does: by the descriptors of a process.
std::vector<int> PagesOfThisProcess() {
  std::vector<int> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry, gone).string();
    if (target.find(kDecisionMemoryName) != std::string::npos) {
      out.push_back(std::stoi(entry.path().filename()));
    }
  }
  return out;
}

Decisions TheOnlyPage() {
  const std::vector<int> pages = PagesOfThisProcess();
  EXPECT_EQ(pages.size(), 1u);
  if (pages.empty()) return {};
  const auto read = ReadDecisions(pages[0]);
  EXPECT_TRUE(read.ok()) << ToString(read.error());
  return read.ok() ? *read : Decisions{};
}

DecisionRecord Record(const std::string& address, uint64_t nanos,
                      FallbackReason reason = FallbackReason::kServerNotFound) {
  return {.side = DecisionSide::kConnecting,
          .reason = reason,
          .unix_nanos = nanos,
          .protocol = "grpc",
          .address = address,
          .detail = "why"};
}

TEST(DecisionPageTest, NothingIsMadeBeforeTheFirstDecision) {
  DecisionPage page;
  EXPECT_TRUE(PagesOfThisProcess().empty());
}

TEST(DecisionPageTest, WhatIsWrittenIsRead) {
  DecisionPage page;
  page.Write(Record("127.0.0.1:1", 10));
  DecisionRecord listening = Record("[::]:2", 20, FallbackReason::kNone);
  listening.side = DecisionSide::kListening;
  page.Write(listening);
  const Decisions read = TheOnlyPage();
  EXPECT_EQ(read.pid, static_cast<uint32_t>(getpid()));
  ASSERT_EQ(read.records.size(), 2u);
  EXPECT_EQ(read.records[0].address, "127.0.0.1:1");
  EXPECT_EQ(read.records[0].reason, FallbackReason::kServerNotFound);
  EXPECT_EQ(read.records[0].detail, "why");
  EXPECT_EQ(read.records[0].protocol, "grpc");
  EXPECT_EQ(read.records[0].unix_nanos, 10u);
  EXPECT_EQ(read.records[1].side, DecisionSide::kListening);
  EXPECT_EQ(read.records[1].reason, FallbackReason::kNone);
}

TEST(DecisionPageTest, OneRecordForAnAddressWithHowOften) {
  DecisionPage page;
  for (uint64_t i = 1; i <= 3; ++i) page.Write(Record("a:1", i));
  ASSERT_EQ(TheOnlyPage().records.size(), 1u);
  EXPECT_EQ(TheOnlyPage().records[0].times, 3u);
  page.Write(Record("a:1", 4, FallbackReason::kNone));
  ASSERT_EQ(TheOnlyPage().records.size(), 1u);
  EXPECT_EQ(TheOnlyPage().records[0].times, 1u);
  EXPECT_EQ(TheOnlyPage().records[0].reason, FallbackReason::kNone);
}

TEST(DecisionPageTest, TheOldestMakesRoom) {
  DecisionPage page;
  for (uint64_t i = 1; i <= kDecisionSlots + 5; ++i) {
    page.Write(Record("a:" + std::to_string(i), i));
  }
  const Decisions read = TheOnlyPage();
  ASSERT_EQ(read.records.size(), kDecisionSlots);
  EXPECT_EQ(read.records.front().address, "a:6");
  EXPECT_EQ(read.records.back().address, "a:" + std::to_string(kDecisionSlots + 5));
}

TEST(DecisionPageTest, LongTextIsCutAndControlCharactersAreNotShown) {
  DecisionPage page;
  page.Write(Record("unix:/" + std::string(300, 'x') + "1", 1));
  page.Write(Record("unix:/" + std::string(300, 'x') + "1", 2));
  page.Write(Record("a\x1b[2J:1", 3));
  const Decisions read = TheOnlyPage();
  ASSERT_EQ(read.records.size(), 2u);
  EXPECT_EQ(read.records[0].address, "unix:/" + std::string(129, 'x'));
  EXPECT_EQ(read.records[0].times, 2u);
  EXPECT_EQ(read.records[1].address, "a?[2J:1");
}

TEST(DecisionPageTest, AForkedChildHasAPageOfItsOwn) {
  DecisionPage page;
  page.Write(Record("parent:1", 1));
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    page.Write(Record("child:1", 2));
    const std::vector<int> pages = PagesOfThisProcess();
    // The parent's went with its object's descriptor.
    if (pages.size() != 1) _exit(1);
    const auto read = ReadDecisions(pages[0]);
    const bool right = read.ok() && read->pid == static_cast<uint32_t>(getpid()) &&
                       read->records.size() == 1 && read->records[0].address == "child:1";
    _exit(right ? 0 : 2);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  ASSERT_EQ(TheOnlyPage().records.size(), 1u);
  EXPECT_EQ(TheOnlyPage().records[0].address, "parent:1");
}

TEST(DecisionPageTest, NonsenseIsRefused) {
  auto memory = shm::MakeSealedMemory("test", kDecisionBytes);
  ASSERT_TRUE(memory.ok());
  EXPECT_EQ(ReadDecisions(memory->get()).error().code, ErrorCode::kProtocol);
  DecisionHeader header = {};
  header.magic = kDecisionMagic;
  header.version = kDecisionVersion + 1;
  ASSERT_EQ(pwrite(memory->get(), &header, sizeof(header), 0),
            static_cast<ssize_t>(sizeof(header)));
  EXPECT_EQ(ReadDecisions(memory->get()).error().code, ErrorCode::kVersion);
  EXPECT_FALSE(ReadDecisions(-1).ok());
}

// A writer that was stopped in the middle of a record: it is left out, and nobody waits for it.
TEST(DecisionPageTest, AnUnfinishedRecordIsLeftOut) {
  DecisionPage page;
  page.Write(Record("a:1", 1));
  page.Write(Record("a:2", 2));
  const std::vector<int> pages = PagesOfThisProcess();
  ASSERT_EQ(pages.size(), 1u);
  const uint32_t odd = 7;
  ASSERT_EQ(pwrite(pages[0], &odd, sizeof(odd), kDecisionSlotsOffset),
            static_cast<ssize_t>(sizeof(odd)));
  const Decisions read = TheOnlyPage();
  ASSERT_EQ(read.records.size(), 1u);
  EXPECT_EQ(read.records[0].address, "a:2");
}

}  // namespace
}  // namespace samehost::rendezvous
