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

TEST(LookBudget, LooksThatCostLittleAreWorthLongWaits) {
  LookBudget budget;
  budget.SetMost(100'000);
  for (int i = 0; i < 33; ++i) budget.NoteWait(500'000);
  EXPECT_EQ(budget.Next(), 0u);
  budget.NoteLook(5'000, true);
  budget.NoteLook(5'000, true);
  EXPECT_TRUE(budget.Pays());
  EXPECT_EQ(budget.Next(), 100'000u);
  EXPECT_EQ(budget.Next(/*yields=*/false), 0u);
}

TEST(LookBudget, LooksInVainEndThat) {
  LookBudget budget;
  budget.SetMost(100'000);
  for (int i = 0; i < 33; ++i) budget.NoteWait(500'000);
  for (int i = 0; i < 100; ++i) budget.NoteLook(5'000, true);
  budget.NoteLook(5'000, false);
  EXPECT_TRUE(budget.Pays());
  for (int i = 0; i < 5; ++i) budget.NoteLook(5'000, false);
  EXPECT_FALSE(budget.Pays());
  EXPECT_EQ(budget.Next(), 0u);
}

TEST(LookBudget, NobodyLooksWhoMayNotHoweverCheap) {
  LookBudget budget;
  budget.SetMost(100'000);
  for (int i = 0; i < 100; ++i) budget.NoteLook(0, true);
  budget.SetMost(0);
  EXPECT_FALSE(budget.Pays());
  EXPECT_EQ(budget.Next(), 0u);
}

}  // namespace
}  // namespace samehost
