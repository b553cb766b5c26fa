// A peer that lies: what it may write into the shared memory of its link, and what it may do to the
// doorbells. It costs that peer its connection, or nothing at all; a bystander with a connection to
// the same socket notices nothing.
//
// The lies are told from outside, through the liar's descriptors. The liar itself is honest: it
// reconnects, which is how the test sees that its connection was ended.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <zmq.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "plugin/base/unique_fd.h"
#include "plugin/shm/layout.h"
#include "plugin/zmq/frame.h"
#include "plugin/zmq/testing/eventually.h"
#include "plugin/zmq/testing/peer_process.h"

namespace samehost::zmq_transport {
namespace {

using testing::Eventually;
using testing::PeerProcess;

// The shared memory of a process's only link.
class LinkMemory {
 public:
  explicit LinkMemory(const PeerProcess& peer) {
    const auto paths = peer.DescriptorsOf("/memfd:samehost-link");
    EXPECT_EQ(paths.size(), 1u);
    if (paths.size() != 1) return;
    const UniqueFd fd(open(paths[0].c_str(), O_RDWR | O_CLOEXEC));
    struct stat status = {};
    EXPECT_EQ(fstat(fd.get(), &status), 0);
    bytes_ = static_cast<size_t>(status.st_size);
    inode_ = status.st_ino;
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    EXPECT_NE(memory, MAP_FAILED);
    memory_ = memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
  }
  ~LinkMemory() {
    if (memory_ != nullptr) munmap(memory_, bytes_);
  }
  LinkMemory(const LinkMemory&) = delete;
  LinkMemory& operator=(const LinkMemory&) = delete;

  bool valid() const { return memory_ != nullptr; }
  const shm::SegmentHeader& header() const {
    return *reinterpret_cast<const shm::SegmentHeader*>(memory_);
  }
  // 0: connecting to accepting.
  shm::DirectionControl& control(int direction) {
    return *reinterpret_cast<shm::DirectionControl*>(memory_ + header().control_offset[direction]);
  }
  // Where the next record of a direction will begin.
  std::byte* next(int direction) {
    const uint64_t head = control(direction).head.load();
    return memory_ + header().data_offset[direction] + head % header().ring_bytes[direction];
  }
  // Publishes one record as its producer would, whatever is in it.
  void Publish(int direction, const void* payload, size_t bytes) {
    std::byte* at = next(direction);
    std::memcpy(at + 8, payload, bytes);
    const uint64_t end = 0;
    std::memcpy(at + shm::RecordBytes(bytes), &end, sizeof(end));
    reinterpret_cast<std::atomic<uint64_t>*>(at)->store(
        shm::PackHeader(static_cast<uint32_t>(bytes), shm::RecordKind::kData));
    control(direction).head.fetch_add(shm::RecordBytes(bytes));
  }
  void PublishHeader(int direction, uint64_t header) {
    reinterpret_cast<std::atomic<uint64_t>*>(next(direction))->store(header);
    control(direction).head.fetch_add(64);
  }
  // The process has another one by now; what it holds of this one it lets go of when it next uses
  // its socket.
  bool ReplacedIn(const PeerProcess& peer) const {
    for (const std::string& path : peer.DescriptorsOf("/memfd:samehost-link")) {
      struct stat status = {};
      if (stat(path.c_str(), &status) == 0 && status.st_ino != inode_) return true;
    }
    return false;
  }

 private:
  std::byte* memory_ = nullptr;
  size_t bytes_ = 0;
  ino_t inode_ = 0;
};

struct Chunk {
  ChunkHeader header;
  unsigned char bytes[24];
};

void PublishChunk(LinkMemory& memory, uint32_t length, uint8_t kind, uint8_t flags,
                  uint64_t first_word = 0, uint16_t zero = 0) {
  Chunk chunk = {{length, kind, flags, zero}, {}};
  std::memcpy(chunk.bytes, &first_word, sizeof(first_word));
  memory.Publish(0, &chunk, sizeof(chunk));
}

struct Lie {
  const char* name;
  std::function<void(LinkMemory&)> tell;
};
void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }

// ---- Of a sender -----------------------------------------------------------------------------

// Each over a link, by which it has been heard.
void ConnectSenders(PeerProcess& receiver, std::initializer_list<PeerProcess*> senders) {
  ASSERT_EQ(receiver("socket PULL"), "ok");
  const std::string name = receiver("bind shm://*").substr(3);
  for (PeerProcess* sender : senders) {
    ASSERT_EQ((*sender)("socket PUSH"), "ok");
    ASSERT_EQ((*sender)("connect " + name), "ok");
    ASSERT_EQ((*sender)("send 0 1 1 100 20000"), "sent 1");
    ASSERT_EQ(receiver("recv 1 20000"), "got 1 first 0 last 0");
    ASSERT_TRUE(Eventually([&] { return sender->Links() == 1; }));
  }
}

class LyingSender : public ::testing::TestWithParam<Lie> {};

TEST_P(LyingSender, CostsItsOwnConnectionAndNothingElse) {
  PeerProcess victim, liar, bystander;
  ASSERT_NO_FATAL_FAILURE(ConnectSenders(victim, {&liar, &bystander}));
  LinkMemory memory(liar);
  ASSERT_TRUE(memory.valid());
  ASSERT_EQ(bystander("send 10 5 1 100 20000"), "sent 5");
  GetParam().tell(memory);
  ASSERT_EQ(bystander("send 15 5 1 100 20000"), "sent 5");
  EXPECT_EQ(victim("recv 10 20000"), "got 10 first 10 last 19");
  // An honest program that reconnects is as welcome as ever.
  EXPECT_TRUE(Eventually([&] {
    EXPECT_EQ(victim("recv 1 10"), "got 0 first 0 last 0");
    return memory.ReplacedIn(liar);
  }));
  ASSERT_EQ(liar("send 30 5 2 100 20000"), "sent 5");
  EXPECT_EQ(victim("recv 5 20000"), "got 5 first 30 last 34");
  ASSERT_EQ(bystander("send 40 5 2 100 20000"), "sent 5");
  EXPECT_EQ(victim("recv 5 20000"), "got 5 first 40 last 44");
}

INSTANTIATE_TEST_SUITE_P(
    All, LyingSender,
    ::testing::Values(
        Lie{"RecordBeyondTheRing",
            [](LinkMemory& m) {
              m.PublishHeader(0, shm::PackHeader(UINT32_MAX, shm::RecordKind::kData));
            }},
        Lie{"RecordOfAnUnknownKind",
            [](LinkMemory& m) { m.PublishHeader(0, shm::PackHeader(16, shm::RecordKind(77))); }},
        Lie{"RecordOfNoBytes",
            [](LinkMemory& m) { m.PublishHeader(0, shm::PackHeader(0, shm::RecordKind::kData)); }},
        Lie{"SwitchToARingThatIsNotThere",
            [](LinkMemory& m) {
              m.PublishHeader(
                  0, shm::PackHeader(sizeof(shm::SwitchPayload), shm::RecordKind::kSwitch));
            }},
        Lie{"HeadOutOfRange", [](LinkMemory& m) { m.control(0).head.store(UINT64_MAX / 2); }},
        Lie{"ChunkLongerThanItsRecord", [](LinkMemory& m) { PublishChunk(m, 1 << 20, kWhole, 0); }},
        Lie{"ChunkLongerThanAnything",
            [](LinkMemory& m) { PublishChunk(m, UINT32_MAX, kWhole, 0); }},
        Lie{"ChunkOfAnUnknownKind", [](LinkMemory& m) { PublishChunk(m, 24, 9, 0); }},
        Lie{"ChunkWithUnknownFlags", [](LinkMemory& m) { PublishChunk(m, 24, kWhole, 0x80); }},
        Lie{"ChunkThatIsNotZeroWhereItShouldBe",
            [](LinkMemory& m) { PublishChunk(m, 24, kWhole, 0, 0, 1); }},
        Lie{"SubscriptionAndItsEndAtOnce",
            [](LinkMemory& m) { PublishChunk(m, 24, kWhole, kFlagSubscribe | kFlagCancel); }},
        Lie{"MessageOfExabytes",
            [](LinkMemory& m) { PublishChunk(m, 24, kStart, 0, uint64_t{1} << 60); }},
        Lie{"MessageOfAllBytesThereAre",
            [](LinkMemory& m) { PublishChunk(m, 24, kStart, 0, UINT64_MAX); }},
        Lie{"MessageOfNoBytesInPieces", [](LinkMemory& m) { PublishChunk(m, 24, kStart, 0, 0); }},
        Lie{"PieceLargerThanItsMessage", [](LinkMemory& m) { PublishChunk(m, 24, kStart, 0, 8); }},
        Lie{"NextPieceOfNoMessage", [](LinkMemory& m) { PublishChunk(m, 24, kRest, 0); }},
        Lie{"WholePartBetweenPieces",
            [](LinkMemory& m) {
              PublishChunk(m, 24, kStart, 0, 1000);
              PublishChunk(m, 24, kWhole, 0);
            }},
        Lie{"BlockThatWasNeverOffered", [](LinkMemory& m) { PublishChunk(m, 16, kBlock, 0, 200); }},
        Lie{"SentBackWithoutHavingBeenLent",
            [](LinkMemory& m) { PublishChunk(m, 16, kReturned, 0, 0); }},
        Lie{"ReferenceOfTheWrongSize", [](LinkMemory& m) { PublishChunk(m, 8, kBlock, 0); }}),
    [](const auto& info) { return std::string(info.param.name); });

// A message of which the last part never comes is never received, and keeps nobody from sending.
TEST(LyingPeer, UnfinishedMultipartStopsNobody) {
  PeerProcess victim, liar, bystander;
  ASSERT_NO_FATAL_FAILURE(ConnectSenders(victim, {&liar, &bystander}));
  LinkMemory memory(liar);
  ASSERT_TRUE(memory.valid());
  for (int i = 0; i < 100; ++i) PublishChunk(memory, 24, kWhole, kFlagMore, 99);
  for (uint64_t first = 0; first < 100; first += 10) {
    ASSERT_EQ(bystander("send " + std::to_string(first) + " 10 2 100 20000"), "sent 10");
    EXPECT_EQ(victim("recv 10 20000"),
              "got 10 first " + std::to_string(first) + " last " + std::to_string(first + 9));
  }
  liar.Kill();
  EXPECT_TRUE(Eventually([&] {
    EXPECT_EQ(victim("recv 1 10"), "got 0 first 0 last 0");
    return victim.Links() == 1;
  }));
}

// ---- Of a receiver ---------------------------------------------------------------------------

class LyingReceiver : public ::testing::TestWithParam<Lie> {};

TEST_P(LyingReceiver, CostsItsOwnConnectionAndNothingElse) {
  PeerProcess victim, liar, bystander;
  ASSERT_EQ(victim("socket PUSH"), "ok");
  const std::string mark = std::to_string(ZMQ_SNDHWM) + " 10";
  ASSERT_EQ(victim("set " + mark), "ok");
  const std::string name = victim("bind shm://*").substr(3);
  ASSERT_EQ(liar("socket PULL"), "ok");
  ASSERT_EQ(liar("set " + std::to_string(ZMQ_RCVHWM) + " 10"), "ok");
  ASSERT_EQ(liar("connect " + name), "ok");
  ASSERT_EQ(victim("send 0 1 1 100 20000"), "sent 1");
  ASSERT_EQ(liar("recv 1 20000"), "got 1 first 0 last 0");
  LinkMemory memory(liar);
  ASSERT_TRUE(memory.valid());
  // Up to the high-water mark, where the victim depends on what the liar says.
  const std::string sent = victim("send 1 100 1 100 300");
  ASSERT_EQ(sent.substr(0, 5), "sent ");
  ASSERT_GE(std::stoi(sent.substr(5)), 20);
  GetParam().tell(memory);
  ASSERT_EQ(bystander("socket PULL"), "ok");
  ASSERT_EQ(bystander("connect " + name), "ok");
  victim.Tell("send 1000 5000 1 100 20000");
  // As soon as it receives something the honest program corrects the lie.
  EXPECT_TRUE(Eventually([&] { return memory.ReplacedIn(liar); }));
  liar.Tell("recv 1000000 1000");
  bystander.Tell("recv 1000000 1000");
  EXPECT_EQ(victim.Answer(), "sent 5000");
  for (PeerProcess* peer : {&liar, &bystander}) {
    const std::string got = peer->Answer();
    EXPECT_NE(got.substr(0, 6), "got 0 ") << got;
    EXPECT_EQ(got.find("torn"), std::string::npos) << got;
  }
}

INSTANTIATE_TEST_SUITE_P(All, LyingReceiver,
                         ::testing::Values(Lie{"TookMoreThanItWasSent",
                                               [](LinkMemory& m) {
                                                 m.control(1).messages_taken.store(UINT64_MAX);
                                               }},
                                           Lie{"TailOutOfRange",
                                               [](LinkMemory& m) {
                                                 m.control(1).tail.store(UINT64_MAX / 2);
                                                 m.control(1).taken.store(UINT64_MAX / 2);
                                                 // The producer looks at it when the ring seems
                                                 // full only.
                                                 m.control(1).messages_taken.store(UINT64_MAX);
                                               }}),
                         [](const auto& info) { return std::string(info.param.name); });

// Of every eventfd that both processes have a descriptor: the doorbells.
std::vector<UniqueFd> SharedEventFds(const PeerProcess& a, const PeerProcess& b) {
  const auto ids = [](const PeerProcess& peer) {
    std::map<std::string, int> found;
    for (const std::string& path : peer.DescriptorsOf("anon_inode:[eventfd]")) {
      const std::string number = path.substr(path.rfind('/') + 1);
      std::ifstream info("/proc/" + std::to_string(peer.pid()) + "/fdinfo/" + number);
      for (std::string line; std::getline(info, line);) {
        if (line.rfind("eventfd-id:", 0) == 0) found[line] = std::stoi(number);
      }
    }
    return found;
  };
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, a.pid(), 0)));
  std::vector<UniqueFd> shared;
  const auto others = ids(b);
  for (const auto& [id, number] : ids(a)) {
    if (others.count(id) == 0) continue;
    shared.emplace_back(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), number, 0)));
    EXPECT_TRUE(shared.back().valid());
  }
  return shared;
}

// A doorbell that never stops costs time, and nothing else.
TEST(LyingPeer, DoorbellThatNeverStops) {
  PeerProcess victim, liar, bystander;
  ASSERT_NO_FATAL_FAILURE(ConnectSenders(victim, {&liar, &bystander}));
  std::vector<UniqueFd> doorbells = SharedEventFds(liar, victim);
  ASSERT_EQ(doorbells.size(), 2u);
  std::atomic<bool> stop{false};
  std::thread ringer([&] {
    const uint64_t one = 1;
    while (!stop) {
      for (const UniqueFd& doorbell : doorbells) (void)!write(doorbell.get(), &one, sizeof(one));
    }
  });
  for (uint64_t first = 0; first < 100; first += 10) {
    ASSERT_EQ(bystander("send " + std::to_string(first) + " 10 2 100 20000"), "sent 10");
    EXPECT_EQ(victim("recv 10 20000"),
              "got 10 first " + std::to_string(first) + " last " + std::to_string(first + 9));
  }
  stop = true;
  ringer.join();
  ASSERT_EQ(liar("send 0 100 1 100 20000"), "sent 100");
  EXPECT_EQ(victim("recv 100 20000"), "got 100 first 0 last 99");
}

// ---- Of who waits ----------------------------------------------------------------------------

// A sender whose ring is full waits for room; the liar says that there is more than can be, and
// dies.
TEST(LyingPeer, AnAbsurdTailDoesNotKeepTheIoThreadBusy) {
  PeerProcess victim, liar, bystander;
  ASSERT_EQ(victim("socket PUSH"), "ok");
  const std::string name = victim("bind shm://*").substr(3);
  ASSERT_EQ(liar("socket PULL"), "ok");
  ASSERT_EQ(liar("connect " + name), "ok");
  ASSERT_EQ(victim("send 0 1 1 100 20000"), "sent 1");
  ASSERT_EQ(liar("recv 1 20000"), "got 1 first 0 last 0");
  ASSERT_TRUE(Eventually([&] { return liar.Links() == 1; }));
  LinkMemory memory(liar);
  ASSERT_TRUE(memory.valid());
  // More than the ring holds, and less than the high-water marks let through.
  ASSERT_EQ(victim("send 1 1500 1 15000 20000"), "sent 1500");
  ASSERT_TRUE(Eventually([&] { return memory.control(1).awaited_tail.load() != 0; }));
  memory.control(1).tail.store(UINT64_MAX / 2);
  for (const UniqueFd& doorbell : SharedEventFds(liar, victim)) {
    const uint64_t one = 1;
    (void)!write(doorbell.get(), &one, sizeof(one));
  }
  liar.Kill();
  // The I/O thread has time for others.
  ASSERT_EQ(bystander("socket PULL"), "ok");
  ASSERT_EQ(bystander("connect " + name), "ok");
  victim.Tell("send 2000 1 1 100 20000");
  EXPECT_EQ(bystander("recv 1 20000").substr(0, 5), "got 1");
  victim.Answer();
}

}  // namespace
}  // namespace samehost::zmq_transport
