// What a hostile peer may put into a ring: it ends its link and nothing else.
#include "plugin/zmq/reader.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "plugin/base/log.h"
#include "plugin/shm/arena.h"
#include "plugin/shm/link_pair_for_test.h"
#include "plugin/zmq/frame.h"
#include "plugin/zmq/writer.h"

namespace samehost::zmq_transport {
namespace {

class ReaderTest : public ::testing::Test {
 protected:
  ReaderTest()
      : pair_({.writable_blocks = true}, true, SOCK_SEQPACKET, /*trusts_peer=*/true),
        link_(std::move(pair_.accepting)) {
    SetMinLogLevel(LogLevel::kOff);
    Restart(-1);
  }
  void Restart(int64_t max_message_bytes) {
    reader_ = std::make_unique<Reader>(link_, turn_, nullptr, max_message_bytes, 0);
  }
  void Chunk(std::string* record, uint32_t length, uint8_t kind, uint8_t flags,
             const std::string& bytes, uint16_t zero = 0) {
    const ChunkHeader header{length, kind, flags, zero};
    record->append(reinterpret_cast<const char*>(&header), sizeof(header));
    record->append(bytes);
    record->resize((record->size() + 7) & ~size_t{7});
  }
  std::string One(uint32_t length, uint8_t kind, uint8_t flags, const std::string& bytes,
                  uint16_t zero = 0) {
    std::string record;
    Chunk(&record, length, kind, flags, bytes, zero);
    return record;
  }
  Reader::State After(const std::string& record) {
    EXPECT_TRUE(shm::Send(*pair_.connecting, record));
    return reader_->Look();
  }
  std::string Take() {
    zmq::msg_t part;
    reader_->Take(&part);
    std::string text(static_cast<char*>(part.data()), part.size());
    part.close();
    return text;
  }
  void ExpectRefused(const std::string& record) {
    EXPECT_TRUE(shm::Send(*pair_.connecting, record));
    zmq::msg_t message;
    message.init();
    EXPECT_FALSE(reader_->TakeSmall(&message));
    EXPECT_EQ(reader_->Look(), Reader::State::kOver);
    EXPECT_TRUE(turn_->refused.load());
    EXPECT_EQ(reader_->Look(), Reader::State::kOver);
  }

  shm::LinkPair pair_;
  std::shared_ptr<shm::Link> link_;
  std::shared_ptr<Turn> turn_ = std::make_shared<Turn>();
  std::unique_ptr<Reader> reader_;
};

std::string Total(uint64_t total, const std::string& bytes) {
  return std::string(reinterpret_cast<const char*>(&total), sizeof(total)) + bytes;
}

TEST_F(ReaderTest, AWholeMessage) {
  EXPECT_EQ(reader_->Look(), Reader::State::kEmpty);
  ASSERT_EQ(After(One(5, kWhole, 0, "hello")), Reader::State::kMessage);
  EXPECT_EQ(Take(), "hello");
  EXPECT_EQ(reader_->Look(), Reader::State::kEmpty);
}

TEST_F(ReaderTest, ASmallMessageAtOnceAndOthersInTheirTurn) {
  zmq::msg_t message;
  message.init();
  EXPECT_FALSE(reader_->TakeSmall(&message));
  EXPECT_TRUE(shm::Send(*pair_.connecting, One(5, kWhole, 0, "hello")));
  EXPECT_TRUE(shm::Send(*pair_.connecting, One(1, kWhole, kFlagMore, "a")));
  EXPECT_TRUE(shm::Send(*pair_.connecting, One(1, kWhole, 0, "b")));
  EXPECT_TRUE(shm::Send(*pair_.connecting, One(1, kWhole, 0, "c")));
  ASSERT_TRUE(reader_->TakeSmall(&message));
  EXPECT_EQ(std::string(static_cast<char*>(message.data()), message.size()), "hello");
  EXPECT_FALSE(reader_->TakeSmall(&message));  // one of two parts
  ASSERT_EQ(reader_->Look(), Reader::State::kMessage);
  EXPECT_FALSE(reader_->TakeSmall(&message));  // others come first
  EXPECT_EQ(Take(), "a");
  EXPECT_EQ(Take(), "b");
  ASSERT_TRUE(reader_->TakeSmall(&message));
  EXPECT_EQ(std::string(static_cast<char*>(message.data()), message.size()), "c");
  message.close();
}

TEST_F(ReaderTest, AnUnfinishedMultipartMessageIsNotGivenOut) {
  EXPECT_EQ(After(One(5, kWhole, kFlagMore, "first")), Reader::State::kEmpty);
  EXPECT_EQ(After(One(6, kWhole, kFlagMore, "second")), Reader::State::kEmpty);
  ASSERT_EQ(After(One(4, kWhole, 0, "last")), Reader::State::kMessage);
  EXPECT_EQ(Take(), "first");
  EXPECT_EQ(Take(), "second");
  EXPECT_EQ(Take(), "last");
}

TEST_F(ReaderTest, PiecesAreGivenOutTogether) {
  EXPECT_EQ(After(One(8 + 4, kStart, 0, Total(10, "abcd"))), Reader::State::kEmpty);
  EXPECT_EQ(After(One(4, kRest, 0, "efgh")), Reader::State::kEmpty);
  ASSERT_EQ(After(One(2, kRest, 0, "ij")), Reader::State::kMessage);
  EXPECT_EQ(Take(), "abcdefghij");
}

TEST_F(ReaderTest, LengthBeyondTheRecord) { ExpectRefused(One(1000, kWhole, 0, "x")); }
TEST_F(ReaderTest, LengthThatWraps) { ExpectRefused(One(UINT32_MAX, kWhole, 0, "x")); }
TEST_F(ReaderTest, UnknownKind) { ExpectRefused(One(1, 9, 0, "x")); }
TEST_F(ReaderTest, SentBackWithoutHavingBeenLent) {
  const shm::BlockReference reference{0, 0, 8, 0};
  ExpectRefused(One(sizeof(reference), kReturned, 0,
                    std::string(reinterpret_cast<const char*>(&reference), sizeof(reference))));
}
TEST_F(ReaderTest, SentBackWithoutAReference) { ExpectRefused(One(1, kReturned, 0, "x")); }
TEST_F(ReaderTest, UnknownFlags) { ExpectRefused(One(1, kWhole, 64, "x")); }
TEST_F(ReaderTest, ReservedBits) { ExpectRefused(One(1, kWhole, 0, "x", 7)); }
TEST_F(ReaderTest, SubscribeAndCancelAtOnce) {
  ExpectRefused(One(1, kWhole, kFlagSubscribe | kFlagCancel, "x"));
}
TEST_F(ReaderTest, RestOfNothing) { ExpectRefused(One(1, kRest, 0, "x")); }
TEST_F(ReaderTest, MorePiecesThanTheMessageHas) {
  EXPECT_EQ(After(One(8 + 4, kStart, 0, Total(6, "abcd"))), Reader::State::kEmpty);
  ExpectRefused(One(4, kRest, 0, "efgh"));
}
TEST_F(ReaderTest, AnotherPartInTheMiddleOfPieces) {
  EXPECT_EQ(After(One(8 + 4, kStart, 0, Total(6, "abcd"))), Reader::State::kEmpty);
  ExpectRefused(One(1, kWhole, 0, "x"));
}
TEST_F(ReaderTest, AbsurdTotal) { ExpectRefused(One(8 + 1, kStart, 0, Total(UINT64_MAX, "x"))); }
TEST_F(ReaderTest, TotalOfZero) { ExpectRefused(One(8, kStart, 0, Total(0, ""))); }
TEST_F(ReaderTest, BlockThatIsNotThere) {
  const shm::BlockReference reference{77, 0, 100, 0};
  ExpectRefused(One(sizeof(reference), kBlock, 0,
                    std::string(reinterpret_cast<const char*>(&reference), sizeof(reference))));
}
TEST_F(ReaderTest, BlockThatDoesNotBeginWithTheMessage) {
  const auto block = pair_.connecting->arena()->Allocate(100'000);
  ASSERT_TRUE(block.has_value());
  ASSERT_TRUE(link_->OnSocketReadable().ok());  // maps it
  const auto refer = [&](uint32_t offset) {
    const shm::BlockReference reference{block->number, offset, 100, 0};
    EXPECT_TRUE(pair_.connecting->LendBlock(reference));
    return One(sizeof(reference), kBlock, 0,
               std::string(reinterpret_cast<const char*>(&reference), sizeof(reference)));
  };
  std::memset(block->data, 'a', 100);
  ASSERT_EQ(After(refer(0)), Reader::State::kMessage);
  EXPECT_EQ(Take(), std::string(100, 'a'));
  ExpectRefused(refer(8));
}
TEST_F(ReaderTest, LargerThanAllowed) {
  Restart(10);
  ASSERT_EQ(After(One(10, kWhole, 0, "0123456789")), Reader::State::kMessage);
  EXPECT_EQ(Take(), "0123456789");
  ExpectRefused(One(11, kWhole, 0, "0123456789a"));
}

TEST_F(ReaderTest, NothingBeyondTheEndIsRead) {
  ASSERT_TRUE(shm::Send(*pair_.connecting, One(3, kWhole, 0, "old")));
  reader_->End();
  ASSERT_TRUE(shm::Send(*pair_.connecting, One(3, kWhole, 0, "new")));
  ASSERT_EQ(reader_->Look(), Reader::State::kMessage);
  EXPECT_EQ(Take(), "old");
  EXPECT_EQ(reader_->Look(), Reader::State::kOver);
}

// Whatever bytes come: no crash, and only whole messages.
TEST_F(ReaderTest, RandomRecords) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 3000; ++round) {
    shm::LinkPair pair({.writable_blocks = true});
    std::shared_ptr<shm::Link> link(std::move(pair.accepting));
    Reader reader(link, std::make_shared<Turn>(), nullptr, 1 << 20, 0);
    std::string record;
    for (int chunk = 0; chunk < 3; ++chunk) {
      Chunk(&record, random() % 40, random() % 5, random() % 9, std::string(random() % 40, 'x'),
            random() % 8 == 0);
    }
    ASSERT_TRUE(shm::Send(*pair.connecting, record));
    while (reader.Look() == Reader::State::kMessage) {
      zmq::msg_t part;
      reader.Take(&part);
      part.close();
    }
  }
}

TEST_F(ReaderTest, WhatAWriterWritesIsReadBack) {
  Writer writer(pair_.connecting.get());
  for (size_t bytes : {size_t{0}, size_t{1}, size_t{33}, size_t{34}, size_t{5000}}) {
    std::vector<zmq::msg_t> parts(3);
    for (size_t i = 0; i < parts.size(); ++i) {
      ASSERT_EQ(parts[i].init_size(bytes), 0);
      std::memset(parts[i].data(), 'a' + static_cast<int>(i), bytes);
      if (i + 1 < parts.size()) parts[i].set_flags(zmq::msg_t::more);
    }
    if (writer.WriteWhole(parts) != Writer::Outcome::kWritten) {
      while (writer.WritePieces(parts) == Writer::Progress::kFull) {
        (void)reader_->Look();
      }
    }
    pair_.connecting->Publish();
    for (size_t i = 0; i < parts.size(); ++i) {
      ASSERT_EQ(reader_->Look(), Reader::State::kMessage) << bytes;
      EXPECT_EQ(Take(), std::string(bytes, static_cast<char>('a' + i)));
      parts[i].close();
    }
  }
}

}  // namespace
}  // namespace samehost::zmq_transport
