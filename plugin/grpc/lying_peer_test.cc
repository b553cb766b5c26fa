// A peer that lies in what it writes: it costs that peer its connection, or nothing at all. Nobody
// crashes, and the others are served.
#include <gtest/gtest.h>
#include <samehost/grpc.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "plugin/grpc/echo_for_test.h"
#include "plugin/grpc/raw_peer_for_test.h"

namespace samehost::grpc_transport::testing {
namespace {

// Of metadata_codec.cc.
constexpr uint8_t kPath = 1, kAuthority = 2, kUserAgent = 3, kTimeout = 4, kStatus = 5,
                  kMessage = 6, kEncoding = 7, kAcceptEncoding = 8;

class LyingPeer : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/samehost-lying-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    options_.directory = directory_;
  }
  void TearDown() override { (void)!system(("rm -rf " + directory_).c_str()); }

  std::shared_ptr<grpc::Channel> Channel(const std::string& target) {
    grpc::ChannelArguments arguments = OwnSubchannels();
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 1);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1);
    return grpc::CreateCustomChannel(target, ChannelCredentials(options_), arguments);
  }

  std::string directory_;
  Options options_;
};

RawFrame Call(uint64_t stream, const std::string& more = "") {
  RawFrame frame;
  frame.header.stream = stream;
  frame.header.flags = frame_flag::kInitial | frame_flag::kMessageBegin | frame_flag::kTrailing;
  frame.initial = Text(kPath, "/any/Method") + Text(kAuthority, "somebody") + more;
  frame.chunk = "hello";
  frame.header.message_size = static_cast<uint32_t>(frame.chunk.size());
  return frame;
}

RawFrame Reply(uint64_t stream) {
  RawFrame frame = Call(stream);
  frame.initial = Named("x-name", "value");
  frame.trailing = Number(kStatus, 0) + Text(kMessage, "");
  return frame;
}

// Whether the server answers the call, with whatever status.
bool Answered(shm::Link* link, uint64_t stream) {
  for (RawFrame frame; Receive(link, &frame);) {
    if (frame.header.stream != stream) continue;
    if (frame.header.kind == FrameKind::kReset || (frame.header.flags & frame_flag::kTrailing))
      return true;
  }
  return false;
}

TEST_F(LyingPeer, HonestFramesAreAnswered) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  auto link = RawClient(directory_, server.port());
  ASSERT_NE(link, nullptr);
  ASSERT_TRUE(Send(link.get(), Call(1)));
  EXPECT_TRUE(Answered(link.get(), 1));
  RawServer raw(directory_, [](const RawFrame& frame) {
    return frame.header.kind == FrameKind::kData && (frame.header.flags & frame_flag::kInitial)
               ? std::vector{Reply(frame.header.stream)}
               : std::vector<RawFrame>();
  });
  const EchoResult result = Echo(Channel(raw.target()), "hello");
  EXPECT_TRUE(result.status.ok()) << result.status.error_message();
  EXPECT_EQ(result.reply, "hello");
}

TEST_F(LyingPeer, ACompressionThatIsNoCompressionIsTakenForGranted) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  auto link = RawClient(directory_, server.port());
  ASSERT_NE(link, nullptr);
  uint64_t stream = 0;
  for (const uint32_t set : {0u, 2u, 0xffffffffu}) {
    ASSERT_TRUE(Send(link.get(), Call(++stream, Number(kAcceptEncoding, set))));
    EXPECT_TRUE(Answered(link.get(), stream)) << set;
    RawServer raw(directory_, [set](const RawFrame& frame) -> std::vector<RawFrame> {
      if (frame.header.kind != FrameKind::kData || !(frame.header.flags & frame_flag::kInitial))
        return {};
      RawFrame reply = Reply(frame.header.stream);
      reply.initial += Number(kAcceptEncoding, set);
      return {reply};
    });
    EXPECT_EQ(Echo(Channel(raw.target()), "hello").reply, "hello");
  }
}

TEST_F(LyingPeer, TrailingMetadataWithoutAStatus) {
  RawServer raw(directory_, [](const RawFrame& frame) -> std::vector<RawFrame> {
    if (frame.header.kind != FrameKind::kData || !(frame.header.flags & frame_flag::kInitial))
      return {};
    RawFrame reply = Reply(frame.header.stream);
    reply.trailing = Named("x-name", "value");
    return {reply};
  });
  const EchoResult result = Echo(Channel(raw.target()), "hello");
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(result.status.error_message().find("trailing metadata"), std::string::npos)
      << result.status.error_message();
}

// ---- Generated ---------------------------------------------------------------------------------

// Metadata of entries that are right and wrong: known and unknown tags, absurd numbers and lengths.
class Lies {
 public:
  explicit Lies(uint64_t seed) : random_(seed) {}

  RawFrame Lie(RawFrame frame) {
    for (std::string* part : {&frame.initial, &frame.trailing}) {
      while (OneIn(2)) *part = OneIn(3) ? Entry() + *part : *part + Entry();
      if (OneIn(4)) Damage(part);
    }
    if (OneIn(6)) Damage(&frame.chunk);
    if (OneIn(6)) frame.header.flags ^= static_cast<uint8_t>(1u << random_() % 8);
    if (OneIn(8)) frame.header.message_size = Word();
    if (OneIn(8)) frame.header.value = Word();
    if (OneIn(8)) frame.header.kind = static_cast<FrameKind>(random_() % 9);
    if (OneIn(12)) frame.header.stream = OneIn(2) ? Word() : 0;
    return frame;
  }

 private:
  bool OneIn(unsigned n) { return random_() % n == 0; }
  uint32_t Word() {
    static constexpr uint32_t kWords[] = {0,          1,          16,         17,        99,
                                          0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    return OneIn(4) ? static_cast<uint32_t>(random_()) : kWords[random_() % std::size(kWords)];
  }
  std::string Value() {
    static const std::string kValues[] = {"",
                                          "x",
                                          "-1",
                                          "99999999999",
                                          "identity",
                                          "gzip",
                                          "1S",
                                          "H",
                                          "\xff\xfe",
                                          std::string(3, '\0'),
                                          std::string(9000, 'v')};
    return kValues[random_() % std::size(kValues)];
  }
  std::string Entry() {
    static const char* const kNames[] = {"x",
                                         "x-bin",
                                         ":path",
                                         ":status",
                                         ":method",
                                         ":scheme",
                                         ":authority",
                                         "te",
                                         "content-type",
                                         "grpc-status",
                                         "grpc-message",
                                         "grpc-timeout",
                                         "grpc-encoding",
                                         "grpc-accept-encoding",
                                         "grpc-retry-pushback-ms",
                                         "grpc-previous-rpc-attempts",
                                         "grpc-trace-bin",
                                         "grpc-server-stats-bin",
                                         "grpc-status-details-bin",
                                         "endpoint-load-metrics-bin",
                                         "lb-token",
                                         "lb-cost-bin",
                                         "host",
                                         "user-agent",
                                         "grpc-internal-encoding-request",
                                         "UPPER",
                                         "sp ace",
                                         "\x01"};
    switch (random_() % 8) {
      case 0:
        return Number(kAcceptEncoding, Word());
      case 1:
        return Number(kEncoding, Word());
      case 2:
        return Number(kStatus, Word());
      case 3:
        return Number(kTimeout, Word()) + Number(0, Word()).substr(1);
      case 4:
        return Text(static_cast<uint8_t>(kPath + random_() % 3), Value());
      case 5:
        return Text(kMessage, Value());
      default:
        return Named(kNames[random_() % std::size(kNames)], Value());
    }
  }
  void Damage(std::string* part) {
    if (part->empty()) return;
    const size_t at = random_() % part->size();
    if (OneIn(3)) {
      part->resize(at);
    } else {
      (*part)[at] = static_cast<char>(OneIn(2) ? random_() : 0);
    }
  }

  std::mt19937_64 random_;
};

constexpr uint64_t kSeeds = 2000;

TEST_F(LyingPeer, AServerOutlivesWhatClientsSay) {
  EchoServer server("127.0.0.1:0", ServerCredentials(options_));
  const auto bystander = Channel(server.target());
  std::unique_ptr<shm::Link> link;
  uint64_t stream = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    if (link == nullptr) {
      link = RawClient(directory_, server.port());
      stream = 0;
    }
    ASSERT_NE(link, nullptr);
    const RawFrame lie = Lies(seed).Lie(Call(++stream));
    if (!Send(link.get(), lie))
      link.reset();  // it waits for room: the server has ended it, or has more to do
    stream = std::max(stream, lie.header.stream);
    // An honest call behind it is answered unless the lie has ended the link.
    if (link != nullptr && (!Send(link.get(), Call(++stream)) || !Answered(link.get(), stream)))
      link.reset();
    if (seed % 50 == 0) {
      ASSERT_EQ(Echo(bystander, "hello").reply, "hello");
    }
  }
}

TEST_F(LyingPeer, AClientOutlivesWhatServersSay) {
  std::atomic<uint64_t> seed{0};
  RawServer raw(directory_, [&](const RawFrame& frame) -> std::vector<RawFrame> {
    if (frame.header.kind != FrameKind::kData || !(frame.header.flags & frame_flag::kInitial))
      return {};
    // What is honest behind it ends the call if the lie did not, and lets the next one be sent.
    return {Lies(seed++).Lie(Reply(frame.header.stream)), Settings(), Reply(frame.header.stream)};
  });
  const auto channel = Channel(raw.target());
  while (seed < kSeeds) {
    const uint64_t before = seed;
    Echo(channel, "hello", [](grpc::ClientContext* context) {
      context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    });
    ASSERT_GT(seed, before) << "nobody got that call";
  }
}

}  // namespace
}  // namespace samehost::grpc_transport::testing
