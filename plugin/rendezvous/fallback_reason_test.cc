#include "plugin/rendezvous/fallback_reason.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "plugin/rendezvous/rendezvous.h"

namespace samehost {
namespace {

TEST(FallbackReasonTest, EveryReasonHasItsOwnNameAndASentence) {
  std::set<std::string_view> names;
  for (uint32_t i = 0; i <= static_cast<uint32_t>(FallbackReason::kSystemError); ++i) {
    const auto reason = static_cast<FallbackReason>(i);
    EXPECT_TRUE(names.insert(Name(reason)).second) << Name(reason);
    EXPECT_EQ(Name(reason).find_first_not_of("abcdefghijklmnopqrstuvwxyz_"),
              std::string_view::npos);
    for (const char* protocol : {"grpc", "zmq"}) {
      EXPECT_TRUE(Explain(reason, protocol).ends_with('.')) << i;
    }
  }
  EXPECT_EQ(Name(static_cast<FallbackReason>(4711)), "unknown");
}

// What a user of ZeroMQ is told to do is something that ZeroMQ has.
TEST(FallbackReasonTest, RemediesFitTheProtocol) {
  // Nothing of ZeroMQ ends in these.
  const std::set<FallbackReason> of_grpc = {
      FallbackReason::kCredentialsNotWrappable, FallbackReason::kTlsNotReplaced,
      FallbackReason::kGrpcVersionMismatch, FallbackReason::kPollingEngine};
  for (uint32_t i = 0; i <= static_cast<uint32_t>(FallbackReason::kSystemError); ++i) {
    const auto reason = static_cast<FallbackReason>(i);
    if (of_grpc.count(reason) != 0) continue;
    for (const char* word : {"credentials", "channel", "powers of two", "start the server with"}) {
      EXPECT_EQ(Explain(reason, "zmq").find(word), std::string_view::npos)
          << Name(reason) << ": " << Explain(reason, "zmq");
    }
  }
  EXPECT_NE(Explain(FallbackReason::kServerNotFound, "grpc").find("credentials"),
            std::string_view::npos);
}

// docs/operations.md has each reason's text, word for word, and of ZeroMQ those that differ.
TEST(FallbackReasonTest, TheDocumentationSaysTheSame) {
  std::ifstream file(SAMEHOST_DOCS "/operations.md");
  const std::string page(std::istreambuf_iterator<char>(file), {});
  ASSERT_FALSE(page.empty());
  const auto row = [](FallbackReason reason, const char* protocol) {
    return "\n| `" + std::string(Name(reason)) + "` | " + std::string(Explain(reason, protocol)) +
           " |\n";
  };
  for (uint32_t i = 1; i <= static_cast<uint32_t>(FallbackReason::kSystemError); ++i) {
    for (const char* protocol : {"grpc", "zmq"}) {
      const std::string wanted = row(static_cast<FallbackReason>(i), protocol);
      EXPECT_NE(page.find(wanted), std::string::npos) << wanted;
    }
  }
}

TEST(FallbackReasonTest, ErrorsHaveReasons) {
  using rendezvous::ToFallback;
  EXPECT_EQ(ToFallback(SystemError("x", EMFILE)).reason, FallbackReason::kDescriptorsShort);
  EXPECT_EQ(ToFallback(SystemError("x", ENFILE)).reason, FallbackReason::kDescriptorsShort);
  EXPECT_EQ(ToFallback(SystemError("x", ENOMEM)).reason, FallbackReason::kMemoryShort);
  EXPECT_EQ(ToFallback(SystemError("x", ENOSYS)).reason, FallbackReason::kKernelTooOld);
  EXPECT_EQ(ToFallback(SystemError("x", EIO)).reason, FallbackReason::kSystemError);
  EXPECT_EQ(ToFallback({ErrorCode::kRefused, 0, "x"}).reason, FallbackReason::kDirectoryRefused);
  EXPECT_EQ(ToFallback({ErrorCode::kRefused, ECANCELED, "x"}).reason, FallbackReason::kSwitchedOff);
  EXPECT_EQ(ToFallback({ErrorCode::kNotFound, 0, "x"}).reason,
            FallbackReason::kNoRendezvousDirectory);
  EXPECT_EQ(ToFallback({ErrorCode::kNoMemory, 0, "x"}).reason, FallbackReason::kMemoryShort);
  EXPECT_EQ(ToFallback({ErrorCode::kUnsupported, 0, "x"}).reason, FallbackReason::kKernelTooOld);
  EXPECT_EQ(ToFallback({ErrorCode::kInvalidArgument, 0, "x"}).reason,
            FallbackReason::kBadRingParameters);
  EXPECT_EQ(ToFallback({ErrorCode::kVersion, 0, "x"}).reason, FallbackReason::kVersionMismatch);
}

}  // namespace
}  // namespace samehost
