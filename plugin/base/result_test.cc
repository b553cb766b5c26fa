#include "plugin/base/result.h"

#include <gtest/gtest.h>

#include <memory>

namespace samehost {
namespace {

TEST(ResultTest, HoldsAValueOrAnError) {
  Result<std::unique_ptr<int>> good(std::make_unique<int>(7));
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(**good, 7);
  std::unique_ptr<int> taken = *std::move(good);
  EXPECT_EQ(*taken, 7);

  Result<int> bad(Error{ErrorCode::kTimeout, 0, "wait"});
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.error().code, ErrorCode::kTimeout);

  EXPECT_TRUE(Status().ok());
  EXPECT_FALSE(Status(Error{}).ok());
}

TEST(ResultTest, ToStringNamesOperationAndCause) {
  EXPECT_EQ(ToString(SystemError("connect /run/x", ECONNREFUSED)),
            "connect /run/x: Connection refused");
  EXPECT_EQ(ToString(Error{ErrorCode::kProtocol, 0, "record header"}),
            "record header: the peer broke the protocol");
  EXPECT_EQ(ToString(Error{ErrorCode::kClosed, 0, ""}), "closed");
}

TEST(ResultTest, EveryCodeHasWords) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kUnsupported); ++code) {
    EXPECT_EQ(ToString(Error{static_cast<ErrorCode>(code), 0, ""}).find("unknown"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace samehost
