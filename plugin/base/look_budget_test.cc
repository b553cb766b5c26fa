#include "plugin/base/look_budget.h"

#include <gtest/gtest.h>

namespace samehost {
namespace {

TEST(LookBudget, ShortWaitsAreLookedForAndABitLonger) {
  LookBudget budget;
  budget.SetMost(100'000);
  for (int i = 0; i < 100; ++i) budget.NoteWait(5'000);
  EXPECT_TRUE(budget.Pays());
  EXPECT_GT(budget.Next(), 5'000u);
  EXPECT_LT(budget.Next(), 50'000u);
}

TEST(LookBudget, NeverMoreThanAllowed) {
  LookBudget budget;
  budget.SetMost(30'000);
  for (int i = 0; i < 100; ++i) budget.NoteWait(29'000);
  EXPECT_EQ(budget.Next(), 30'000u);
  budget.SetMost(0);
  for (int i = 0; i < 64; ++i, budget.NoteWait(29'000)) EXPECT_EQ(budget.Next(), 0u);
}

TEST(LookBudget, LongWaitsAreTriedNowAndThenAndShortOnesFoundAgain) {
  LookBudget budget;
  budget.SetMost(100'000);
  for (int i = 0; i < 100; ++i) budget.NoteWait(900'000);
  EXPECT_FALSE(budget.Pays());
  int trials = 0;
  for (int i = 0; i < 320; ++i, budget.NoteWait(900'000)) trials += budget.Next() != 0;
  EXPECT_EQ(trials, 10);
  for (int i = 0; i < 100; ++i) budget.NoteWait(5'000);
  EXPECT_TRUE(budget.Pays());
}

}  // namespace
}  // namespace samehost
