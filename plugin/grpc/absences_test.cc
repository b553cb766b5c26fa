#include "plugin/grpc/absences.h"

#include <gtest/gtest.h>

namespace samehost::grpc_transport {
namespace {

constexpr uint64_t kShort = 20'000;
constexpr uint64_t kLong = 200'000;

TEST(Absences, ALongOneNowAndThenIsNotOften) {
  Absences absences;
  for (int i = 0; i < 1000; ++i) {
    absences.Note(i % 10 == 0 ? kLong : kShort, /*preempted=*/false);
    ASSERT_FALSE(absences.OftenLong());
  }
}

TEST(Absences, OneInFiveIs) {
  Absences absences;
  for (int i = 0; i < 100; ++i) absences.Note(i % 5 == 0 ? kLong : kShort, /*preempted=*/false);
  EXPECT_TRUE(absences.OftenLong());
  for (int i = 0; i < 100; ++i) absences.Note(kShort, /*preempted=*/false);
  EXPECT_FALSE(absences.OftenLong());
}

TEST(Absences, ThoseThatOthersAreToBlameForDoNotCount) {
  Absences absences;
  for (int i = 0; i < 100; ++i) absences.Note(kLong, /*preempted=*/true);
  EXPECT_FALSE(absences.OftenLong());
}

TEST(Absences, WhoHasNotLeftDoesNotReturn) {
  Absences absences;
  for (int i = 0; i < 100; ++i) absences.Note(kLong, /*preempted=*/false);
  for (int i = 0; i < 100; ++i) absences.Return();
  EXPECT_TRUE(absences.OftenLong());
  for (int i = 0; i < 100; ++i) {
    absences.Leave();
    absences.Return();
  }
  EXPECT_FALSE(absences.OftenLong());
}

}  // namespace
}  // namespace samehost::grpc_transport
