#include "plugin/base/mapping.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "plugin/base/unique_fd.h"

namespace samehost {
namespace {

UniqueFd Memory(size_t bytes) {
  UniqueFd fd(memfd_create("samehost-test", MFD_CLOEXEC));
  EXPECT_EQ(ftruncate(fd.get(), static_cast<off_t>(bytes)), 0);
  return fd;
}

TEST(MappingTest, SharedMappingsShowTheSameBytes) {
  const size_t page = PageBytes();
  UniqueFd fd = Memory(2 * page);
  auto writer = Mapping::Shared(fd.get(), page, page, {.populate = true});
  auto reader = Mapping::Shared(fd.get(), page, page, {.access = Mapping::Access::kRead});
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE(reader.ok());
  writer->data()[5] = std::byte{42};
  EXPECT_EQ(reader->data()[5], std::byte{42});
}

TEST(MappingTest, MirroredMappingWrapsAround) {
  const size_t page = PageBytes();
  UniqueFd fd = Memory(4 * page);
  auto ring = Mapping::Mirrored(fd.get(), 2 * page, 2 * page, {});
  ASSERT_TRUE(ring.ok());
  ASSERT_EQ(ring->size(), 4 * page);
  for (size_t i = 0; i < 2 * page; i += 100) {
    ring->data()[i] = std::byte{static_cast<unsigned char>(i)};
    EXPECT_EQ(ring->data()[i + 2 * page], std::byte{static_cast<unsigned char>(i)});
  }
}

TEST(MappingTest, RefusesOddSizesAndBadDescriptors) {
  UniqueFd fd = Memory(PageBytes());
  EXPECT_EQ(Mapping::Shared(fd.get(), 0, 100, {}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Mapping::Mirrored(fd.get(), 0, 0, {}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(Mapping::Shared(-1, 0, PageBytes(), {}).error().sys_errno, EBADF);
  EXPECT_EQ(Mapping::Mirrored(-1, 0, PageBytes(), {}).error().sys_errno, EBADF);
}

TEST(MappingTest, MoveLeavesNothingBehind) {
  UniqueFd fd = Memory(PageBytes());
  auto made = Mapping::Shared(fd.get(), 0, PageBytes(), {});
  ASSERT_TRUE(made.ok());
  Mapping first = *std::move(made);
  Mapping second = std::move(first);
  EXPECT_FALSE(first.valid());  // NOLINT(bugprone-use-after-move): that is the test
  EXPECT_TRUE(second.valid());
  first = std::move(second);
  EXPECT_TRUE(first.valid());
}

}  // namespace
}  // namespace samehost
