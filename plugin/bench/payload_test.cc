#include "plugin/bench/payload.h"

#include <gtest/gtest.h>

namespace samehost::bench {
namespace {

const size_t kSizes[] = {0, 1, 7, 8, 9, 15, 16, 17, 1024, 65536};

TEST(Payload, MadeBodyPassesEveryCheck) {
  for (size_t size : kSizes) {
    const std::string body = MakeBody(size, 77);
    ASSERT_EQ(body.size(), size);
    EXPECT_TRUE(CheckBody(body, size, 77)) << size;
    EXPECT_TRUE(CheckBodyAsServer(body)) << size;
  }
}

TEST(Payload, StampingEqualsMakingAnew) {
  for (size_t size : kSizes) {
    std::string body = MakeBody(size, 1);
    StampBody(body, 0x0102030405060708);
    EXPECT_EQ(body, MakeBody(size, 0x0102030405060708)) << size;
  }
}

TEST(Payload, AnotherCallsBodyIsNoticed) {
  for (size_t size : kSizes) {
    if (size == 0) continue;
    EXPECT_FALSE(CheckBody(MakeBody(size, 1), size, 2)) << size;
  }
}

TEST(Payload, WrongLengthIsNoticed) { EXPECT_FALSE(CheckBody(MakeBody(1024, 1), 1023, 1)); }

TEST(Payload, ZeroedInteriorIsNoticed) {
  std::string bad = MakeBody(4096, 5);
  std::fill(bad.begin() + 8, bad.end() - 8, '\0');
  EXPECT_FALSE(CheckBody(bad, 4096, 5));
  EXPECT_FALSE(CheckBodyAsServer(bad));
}

TEST(Payload, ServerNoticesHalvesOfTwoMessages) {
  std::string mixed = MakeBody(64, 1);
  mixed.replace(32, 32, MakeBody(64, 2).substr(32));
  EXPECT_FALSE(CheckBodyAsServer(mixed));
}

}  // namespace
}  // namespace samehost::bench
