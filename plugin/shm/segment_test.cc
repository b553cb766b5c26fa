#include "plugin/shm/segment.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "plugin/base/mapping.h"
#include "plugin/base/memory_headroom.h"

namespace samehost::shm {
namespace {

TEST(SegmentTest, WhatIsMadePassesTheCheck) {
  auto memory = MakeSealedMemory("samehost-test", 65536);
  ASSERT_TRUE(memory.ok());
  EXPECT_TRUE(CheckSealedMemory(memory->get(), 65536).ok());
  EXPECT_FALSE(CheckSealedMemory(memory->get(), 65536 + 4096).ok());
  EXPECT_EQ(BackedBytes(memory->get()), 65536u);
  EXPECT_NE(ftruncate(memory->get(), 4096), 0);
  EXPECT_NE(ftruncate(memory->get(), 1 << 20), 0);
  EXPECT_NE(fcntl(memory->get(), F_ADD_SEALS, F_SEAL_WRITE), 0);
}

TEST(SegmentTest, ShortMemoryIsNotTaken) {
  SetMemoryHeadroomForTesting(4 << 20);
  EXPECT_EQ(MakeSealedMemory("samehost-test", 65536).error().code, ErrorCode::kNoMemory);
  SetMemoryHeadroomForTesting(UINT64_MAX);
}

// Every place of the kept bytes, also round the end: they stay, and nothing else does.
TEST(SegmentTest, PunchKeepsOnlyThePagesAsked) {
  constexpr uint64_t kBytes = 16384;
  const uint64_t page = PageBytes();
  for (uint64_t offset = 0; offset < kBytes; offset += 8) {
    auto memory = MakeSealedMemory("samehost-test", kBytes);
    ASSERT_TRUE(memory.ok());
    auto ring = Mapping::Mirrored(memory->get(), 0, kBytes, {});
    ASSERT_TRUE(ring.ok());
    for (int i = 0; i < 16; ++i) ring->data()[offset + i] = std::byte{0xaa};
    PunchAllBut(memory->get(), kBytes, offset, 16);
    const bool two_pages = offset % page > page - 16;
    EXPECT_EQ(BackedBytes(memory->get()), two_pages ? 2 * page : page) << offset;
    for (int i = 0; i < 16; ++i) ASSERT_EQ(ring->data()[offset + i], std::byte{0xaa}) << offset;
  }
}

TEST(SegmentTest, PunchOfARingOfOnePageKeepsIt) {
  auto memory = MakeSealedMemory("samehost-test", PageBytes());
  ASSERT_TRUE(memory.ok());
  PunchAllBut(memory->get(), PageBytes(), PageBytes() - 8, 16);
  EXPECT_EQ(BackedBytes(memory->get()), PageBytes());
}

}  // namespace
}  // namespace samehost::shm
