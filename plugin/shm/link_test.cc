#include "plugin/shm/link.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "plugin/shm/link_pair_for_test.h"

namespace samehost::shm {
namespace {

bool Send(Link& link, const std::string& text) {
  std::byte* place = link.Reserve(text.size());
  if (place == nullptr) return false;
  std::memcpy(place, text.data(), text.size());
  link.Commit(text.size());
  link.Publish();
  return true;
}

std::string Text(const Record& record) {
  return std::string(reinterpret_cast<const char*>(record.bytes.data()), record.bytes.size());
}

TEST(LinkTest, CarriesRecordsBothWays) {
  LinkPair pair;
  Record record;
  EXPECT_EQ(pair.accepting->Next(&record), Link::Take::kEmpty);
  EXPECT_FALSE(pair.accepting->HasInput());
  ASSERT_TRUE(Send(*pair.connecting, "hello"));
  ASSERT_TRUE(Send(*pair.accepting, "answer"));
  EXPECT_TRUE(pair.accepting->HasInput());
  ASSERT_EQ(pair.accepting->Next(&record), Link::Take::kRecord);
  EXPECT_EQ(Text(record), "hello");
  pair.accepting->Done(record);
  EXPECT_EQ(pair.accepting->Next(&record), Link::Take::kEmpty);
  ASSERT_EQ(pair.connecting->Next(&record), Link::Take::kRecord);
  EXPECT_EQ(Text(record), "answer");
}

TEST(LinkTest, NothingIsVisibleBeforePublish) {
  LinkPair pair;
  std::byte* place = pair.connecting->Reserve(100);
  ASSERT_NE(place, nullptr);
  pair.connecting->Commit(10);
  Record record;
  EXPECT_EQ(pair.accepting->Next(&record), Link::Take::kEmpty);
  pair.connecting->Publish();
  ASSERT_EQ(pair.accepting->Next(&record), Link::Take::kRecord);
  EXPECT_EQ(record.bytes.size(), 10u);
}

}  // namespace
}  // namespace samehost::shm
