#include "plugin/rendezvous/handshake.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

namespace samehost::rendezvous {
namespace {

Hello SampleHello() {
  Hello hello;
  hello.versions = {1, 3};
  hello.capabilities = 0x8000000000000001u;
  hello.timeout_ms = 1234;
  hello.initial_ring_bytes = 32768;
  hello.max_ring_bytes = 1 << 21;
  hello.netns = {4, 0xf0000000000000f1u};
  hello.target.kind = EndpointKind::kUnixPath;
  hello.target.folder = {66, 77};
  hello.target.name = "server.sock";
  hello.target.tcp = {{1, 2, 3}, 50051, 9};
  hello.socket_file = {66, 78};
  hello.protocol = "grpc";
  hello.request = std::string("with\0zero", 9);
  return hello;
}

TEST(Handshake, HelloRoundTrip) {
  const Hello sent = SampleHello();
  const auto got = DecodeHello(Encode(sent));
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->versions.min, 1u);
  EXPECT_EQ(got->versions.max, 3u);
  EXPECT_EQ(got->capabilities, sent.capabilities);
  EXPECT_EQ(got->timeout_ms, sent.timeout_ms);
  EXPECT_EQ(got->initial_ring_bytes, sent.initial_ring_bytes);
  EXPECT_EQ(got->max_ring_bytes, sent.max_ring_bytes);
  EXPECT_EQ(got->netns, sent.netns);
  EXPECT_EQ(got->target, sent.target);
  EXPECT_EQ(got->socket_file, sent.socket_file);
  EXPECT_EQ(got->protocol, sent.protocol);
  EXPECT_EQ(got->request, sent.request);
}

TEST(Handshake, AnswersRoundTrip) {
  const auto accept = DecodeAccept(Encode(Accept{7, 9, "reply"}));
  ASSERT_TRUE(accept.ok());
  EXPECT_EQ(accept->version, 7u);
  EXPECT_EQ(accept->capabilities, 9u);
  EXPECT_EQ(accept->reply, "reply");
  const auto refuse = DecodeRefuse(Encode(Refuse{FallbackReason::kPeerRefusedUser, "no"}));
  ASSERT_TRUE(refuse.ok());
  EXPECT_EQ(refuse->reason, FallbackReason::kPeerRefusedUser);
  EXPECT_EQ(refuse->detail, "no");
  const auto proof = DecodeProof(Encode(Proof{{{{1}, 2, 3}, {{4}, 5, 6}}}));
  ASSERT_TRUE(proof.ok());
  ASSERT_EQ(proof->connections.size(), 2u);
  EXPECT_EQ(proof->connections[1], (IpEndpoint{{4}, 5, 6}));
  const auto kind = DecodeKind(EncodeProve());
  ASSERT_TRUE(kind.ok());
  EXPECT_EQ(*kind, MessageKind::kProve);
}

TEST(Handshake, WireFormIsPinned) {
  // Little-endian whatever the machine: magic, kind 3, reason 5, "no".
  const std::string expected("SMEHOST1\x03\0\0\0\x05\0\0\0\x02\0\0\0no", 22);
  EXPECT_EQ(Encode(Refuse{FallbackReason::kServerNotFound, "no"}), expected);
}

TEST(Handshake, EveryTruncationIsAnError) {
  const std::string whole = Encode(SampleHello());
  for (size_t bytes = 0; bytes < whole.size(); ++bytes) {
    EXPECT_FALSE(DecodeHello(whole.substr(0, bytes)).ok()) << bytes;
  }
  const std::string accept = Encode(Accept{1, 0, "reply"});
  for (size_t bytes = 0; bytes < accept.size(); ++bytes) {
    EXPECT_FALSE(DecodeAccept(accept.substr(0, bytes)).ok()) << bytes;
  }
}

TEST(Handshake, LaterVersionsMayAppend) {
  EXPECT_TRUE(DecodeHello(Encode(SampleHello()) + "more").ok());
  EXPECT_TRUE(DecodeAccept(Encode(Accept{1, 0, ""}) + "more").ok());
}

TEST(Handshake, VersionsAreReadableWhateverFollows) {
  const std::string start = Encode(SampleHello()).substr(0, 20);
  const auto versions = DecodeVersions(start);
  ASSERT_TRUE(versions.ok());
  EXPECT_EQ(versions->max, 3u);
  EXPECT_FALSE(DecodeVersions(start.substr(0, 19)).ok());
}

TEST(Handshake, LengthsAreNotTrusted) {
  std::string hello = Encode(SampleHello());
  const size_t request_length = hello.size() - 9 - 4;
  for (const uint8_t high : {0x01, 0x7f, 0xff}) {
    hello[request_length + 3] = static_cast<char>(high);
    EXPECT_FALSE(DecodeHello(hello).ok());
  }
  // Longer than allowed, though the bytes are there.
  std::string refuse = Encode(Refuse{FallbackReason::kServerNotFound, ""});
  refuse[16] = static_cast<char>(0x01);
  refuse[17] = static_cast<char>(0x02);  // 513
  EXPECT_FALSE(DecodeRefuse(refuse + std::string(600, 'x')).ok());
}

TEST(Handshake, WrongKindOrMagicIsAnError) {
  EXPECT_FALSE(DecodeHello(Encode(Accept{})).ok());
  EXPECT_FALSE(DecodeAccept(EncodeProve()).ok());
  EXPECT_FALSE(DecodeKind("GET / HTTP/1.1\r\n\r\n").ok());
  EXPECT_FALSE(DecodeKind("").ok());
  std::string unknown = EncodeProve();
  unknown[8] = 77;
  EXPECT_FALSE(DecodeKind(unknown).ok());
}

TEST(Handshake, PeersWordsAreMadePrintable) {
  const auto refuse =
      DecodeRefuse(Encode(Refuse{FallbackReason::kServerNotFound, "a\n\x1b[31mb\xff"}));
  ASSERT_TRUE(refuse.ok());
  EXPECT_EQ(refuse->detail, "a??[31mb?");
}

TEST(Handshake, UnknownReasonsBecomeHandshakeFailed) {
  for (const uint32_t number : {0u, 25u, 0xffffffffu}) {
    const auto refuse = DecodeRefuse(Encode(Refuse{static_cast<FallbackReason>(number), ""}));
    ASSERT_TRUE(refuse.ok());
    EXPECT_EQ(refuse->reason, FallbackReason::kHandshakeFailed);
  }
}

TEST(Handshake, LongTextsAreCut) {
  const std::string message =
      Encode(Refuse{FallbackReason::kServerNotFound, std::string(100000, 'x')});
  EXPECT_LE(message.size(), kMaxMessageBytes);
  EXPECT_TRUE(DecodeRefuse(message).ok());
  Hello hello = SampleHello();
  hello.request = std::string(100000, 'x');
  EXPECT_LE(Encode(hello).size(), kMaxMessageBytes);
}

TEST(Handshake, CommonVersion) {
  EXPECT_EQ(CommonVersion({1, 1}, {1, 1}), 1u);
  EXPECT_EQ(CommonVersion({1, 3}, {2, 5}), 3u);
  EXPECT_EQ(CommonVersion({1, 1}, {2, 5}), 0u);
  EXPECT_EQ(CommonVersion({4, 5}, {1, 3}), 0u);
  EXPECT_EQ(CommonVersion({5, 1}, {1, 9}), 0u);  // nonsense from the peer
}

// Any bytes decode to a value or an error; sanitizers watch.
TEST(Handshake, RandomDamage) {
  const char* given = getenv("SAMEHOST_TEST_SEED");
  const unsigned seed =
      given != nullptr ? static_cast<unsigned>(atoi(given)) : std::random_device{}();
  std::mt19937 random(seed);
  SCOPED_TRACE("SAMEHOST_TEST_SEED=" + std::to_string(seed));
  const std::string messages[] = {Encode(SampleHello()), Encode(Accept{1, 2, "reply"}),
                                  Encode(Refuse{FallbackReason::kServerNotFound, "detail"}),
                                  Encode(Proof{{{{1}, 2, 3}}}), EncodeProve()};
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = messages[random() % 5];
    for (int hits = static_cast<int>(random() % 4); hits >= 0; --hits) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    bytes.resize(random() % 3 == 0 ? random() % (bytes.size() + 1) : bytes.size());
    (void)DecodeKind(bytes);
    (void)DecodeVersions(bytes);
    if (auto hello = DecodeHello(bytes); hello.ok()) {
      EXPECT_LE(hello->request.size(), kMaxRequestBytes);
      EXPECT_LE(hello->target.name.size(), kMaxEndpointName);
    }
    (void)DecodeAccept(bytes);
    (void)DecodeRefuse(bytes);
    if (auto proof = DecodeProof(bytes); proof.ok()) {
      EXPECT_LE(proof->connections.size(), kMaxProofs);
    }
  }
}

}  // namespace
}  // namespace samehost::rendezvous
