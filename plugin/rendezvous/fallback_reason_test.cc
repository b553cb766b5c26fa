#include "plugin/rendezvous/fallback_reason.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

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
    EXPECT_TRUE(Explain(reason).ends_with('.')) << i;
  }
  EXPECT_EQ(Name(static_cast<FallbackReason>(4711)), "unknown");
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
