// A peer that hands over parts that are not what they should be: Create() refuses, with a reason.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <functional>

#include "plugin/shm/link_pair_for_test.h"

namespace samehost::shm {
namespace {

Result<std::unique_ptr<Link>> Accept(UniqueFd segment, const LinkOptions& options = {}) {
  PartsPair parts = MakePartsPair();
  parts.accepting.segment = std::move(segment);
  return Link::Create(Link::Side::kAccepting, std::move(parts.accepting), options);
}

// A copy of a good segment, changed by `change`, then sealed with `seals`.
UniqueFd Forged(const std::function<void(SegmentHeader&)>& change, size_t bytes_more = 0,
                int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, unsigned flags = 0) {
  SegmentHeader header = MakeHeader({32768, 32768}, 2 << 20);
  const size_t bytes = header.segment_bytes + bytes_more;
  change(header);
  UniqueFd fd(memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING | flags));
  if (!fd.valid()) return fd;
  EXPECT_EQ(ftruncate(fd.get(), static_cast<off_t>(bytes)), 0);
  EXPECT_EQ(fallocate(fd.get(), 0, 0, static_cast<off_t>(bytes)), 0);
  EXPECT_EQ(pwrite(fd.get(), &header, sizeof(header), 0), static_cast<ssize_t>(sizeof(header)));
  EXPECT_EQ(fcntl(fd.get(), F_ADD_SEALS, seals), 0);
  return fd;
}

TEST(LinkHostilePartsTest, AGoodForgeryIsAccepted) {
  auto link = Accept(Forged([](SegmentHeader&) {}));
  EXPECT_TRUE(link.ok()) << ToString(link.error());
}

TEST(LinkHostilePartsTest, BadHeaders) {
  const std::function<void(SegmentHeader&)> lies[] = {
      [](SegmentHeader& h) { h.magic ^= 1; },
      [](SegmentHeader& h) { h.header_bytes = 0; },
      [](SegmentHeader& h) { h.segment_bytes += 4096; },
      [](SegmentHeader& h) { h.segment_bytes = UINT64_MAX; },
      [](SegmentHeader& h) { h.page_bytes = 1; },
      [](SegmentHeader& h) { h.max_ring_bytes = 0; },
      [](SegmentHeader& h) { h.max_ring_bytes = 12345; },
      [](SegmentHeader& h) { h.ring_bytes[0] = 0; },
      [](SegmentHeader& h) { h.ring_bytes[1] = 1000; },
      [](SegmentHeader& h) { h.ring_bytes[0] = 3 * 4096; },
      [](SegmentHeader& h) { h.ring_bytes[0] = 1u << 31; },
      [](SegmentHeader& h) { h.ring_bytes[0] = 65536; },
      [](SegmentHeader& h) { h.counters_offset[0] = 0; },
      [](SegmentHeader& h) { h.counters_offset[1] = h.counters_offset[0]; },
      [](SegmentHeader& h) { h.control_offset[0] = UINT64_MAX; },
      [](SegmentHeader& h) { h.control_offset[1] += 4; },
      [](SegmentHeader& h) { h.data_offset[0] = 0; },
      [](SegmentHeader& h) { h.data_offset[1] = h.data_offset[0]; },
      [](SegmentHeader& h) { std::memset(&h, 0, sizeof(h)); },
      [](SegmentHeader& h) { std::memset(&h, 0xff, sizeof(h)); },
  };
  int number = 0;
  for (const auto& lie : lies) {
    auto link = Accept(Forged(lie));
    ASSERT_FALSE(link.ok()) << number;
    EXPECT_EQ(link.error().code, ErrorCode::kProtocol) << number << ToString(link.error());
    ++number;
  }
}

TEST(LinkHostilePartsTest, AnotherVersionIsToldApart) {
  auto link = Accept(Forged([](SegmentHeader& h) { h.version = kLayoutVersion + 1; }));
  ASSERT_FALSE(link.ok());
  EXPECT_EQ(link.error().code, ErrorCode::kVersion);
}

TEST(LinkHostilePartsTest, RingsLargerThanThisSideTakes) {
  auto link =
      Accept(Forged([](SegmentHeader&) {}), {.initial_ring_bytes = 4096, .max_ring_bytes = 16384});
  ASSERT_FALSE(link.ok());
  EXPECT_EQ(link.error().code, ErrorCode::kProtocol);
}

TEST(LinkHostilePartsTest, MemoryThatCouldRaiseSigbus) {
  const auto honest = [](SegmentHeader&) {};
  // Not sealed, not sealed enough, sealed against writing.
  for (const int seals : {0, F_SEAL_SHRINK, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_GROW | F_SEAL_SEAL,
                          F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL}) {
    EXPECT_FALSE(Accept(Forged(honest, 0, seals)).ok()) << seals;
  }
  // Another size than the header says.
  EXPECT_FALSE(Accept(Forged(honest, 4096)).ok());
  // Punched: zeros for a header.
  UniqueFd punched = Forged(honest);
  ASSERT_EQ(fallocate(punched.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
  EXPECT_FALSE(Accept(std::move(punched)).ok());
  // Punched where the data is: not backed.
  punched = Forged(honest);
  ASSERT_EQ(fallocate(punched.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 32768, 4096), 0);
  EXPECT_FALSE(Accept(std::move(punched)).ok());
  // Empty, and things that are no memory at all.
  UniqueFd empty(memfd_create("empty", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(fcntl(empty.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), 0);
  EXPECT_FALSE(Accept(std::move(empty)).ok());
  EXPECT_FALSE(Accept(UniqueFd(open("/dev/zero", O_RDWR | O_CLOEXEC))).ok());
  EXPECT_FALSE(Accept(UniqueFd(open("/proc/self/exe", O_RDONLY | O_CLOEXEC))).ok());
  EXPECT_FALSE(Accept(UniqueFd()).ok());
}

TEST(LinkHostilePartsTest, HugePages) {
  UniqueFd fd(memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB));
  if (!fd.valid() || ftruncate(fd.get(), 2 << 20) != 0) GTEST_SKIP() << "no huge pages here";
  fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  EXPECT_FALSE(Accept(std::move(fd)).ok());
}

TEST(LinkHostilePartsTest, DoorbellsThatAreNone) {
  const auto with = [](const std::function<void(LinkParts&)>& change) {
    PartsPair parts = MakePartsPair();
    change(parts.accepting);
    return Link::Create(Link::Side::kAccepting, std::move(parts.accepting), {}).ok();
  };
  EXPECT_TRUE(with([](LinkParts&) {}));
  EXPECT_FALSE(with([](LinkParts& parts) { parts.doorbell[0].Reset(); }));
  EXPECT_FALSE(with([](LinkParts& parts) { parts.doorbell[1].Reset(); }));
  EXPECT_FALSE(
      with([](LinkParts& parts) { parts.doorbell[0].Reset(memfd_create("none", MFD_CLOEXEC)); }));
  EXPECT_FALSE(with([](LinkParts& parts) {
    fcntl(parts.doorbell[0].get(), F_SETFL, 0);  // it would block
  }));
}

}  // namespace
}  // namespace samehost::shm
