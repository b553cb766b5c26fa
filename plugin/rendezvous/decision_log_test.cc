// What RecentFallbacks() is made of: last decision per address, newest last, bounded, logged once.
#include "plugin/rendezvous/decision_log.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "plugin/base/log.h"

namespace samehost::rendezvous {
namespace {

Fallback NotFound(std::string detail = "nobody there") {
  return Fallback{FallbackReason::kServerNotFound, std::move(detail)};
}

TEST(DecisionLog, KeepsTheLastDecisionOfEachAddressNewestLast) {
  DecisionLog log;
  log.RecordFallback("a:1", NotFound());
  log.RecordFallback("b:1", NotFound());
  log.RecordShared("a:1");
  const std::vector<Decision> recent = log.Recent();
  ASSERT_EQ(recent.size(), 2u);
  EXPECT_EQ(recent[0].address, "b:1");
  EXPECT_EQ(recent[0].fallback.reason, FallbackReason::kServerNotFound);
  EXPECT_EQ(recent[1].address, "a:1");
  EXPECT_EQ(recent[1].fallback.reason, FallbackReason::kNone);
  EXPECT_EQ(log.fallbacks(), 2u);
}

TEST(DecisionLog, IsBounded) {
  DecisionLog log;
  for (size_t i = 0; i < 2 * DecisionLog::kMaxAddresses; ++i) {
    log.RecordFallback("bounded:" + std::to_string(i), NotFound());
  }
  EXPECT_EQ(log.Recent().size(), DecisionLog::kMaxAddresses);
  EXPECT_EQ(log.Recent().back().address,
            "bounded:" + std::to_string(2 * DecisionLog::kMaxAddresses - 1));
}

TEST(DecisionLog, WarnsOfWhatCanBeHelped) {
  std::vector<std::string> lines;
  SetLogSink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  DecisionLog log;
  log.RecordShared("warn:1");
  log.RecordFallback("warn:1", Fallback{FallbackReason::kSwitchedOff, ""});
  log.RecordFallback("warn:1", Fallback{FallbackReason::kNotLocalAddress, ""});
  EXPECT_TRUE(lines.empty()) << lines[0];
  log.RecordFallback("warn:1", Fallback{FallbackReason::kDescriptorsShort, ""});
  SetLogSink(nullptr);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("descriptors_short"), std::string::npos) << lines[0];
}

// What a connection then runs over decides whether there is anything to warn of.
TEST(DecisionLog, WarnsWhenTheSocketIsUsedAndNotBefore) {
  std::vector<std::string> lines;
  SetLogSink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  DecisionLog log;
  log.Record("two-steps:1", NotFound());
  log.LogUnreached("two-steps:1", NotFound());
  EXPECT_TRUE(lines.empty()) << lines[0];
  ASSERT_EQ(log.Recent().size(), 1u);
  EXPECT_EQ(log.Recent()[0].fallback.reason, FallbackReason::kServerNotFound);
  log.LogFallback("two-steps:1", NotFound());
  log.LogFallback("two-steps:1", NotFound());
  ASSERT_EQ(lines.size(), 1u);
  SetMinLogLevel(LogLevel::kInfo);
  log.LogUnreached("two-steps:1", NotFound());
  SetMinLogLevel(LogLevel::kWarning);
  SetLogSink(nullptr);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[1].find("two-steps:1: no connection"), std::string::npos) << lines[1];
}

TEST(DecisionLog, LogsEachAddressAndReasonOnce) {
  std::vector<std::string> lines;
  SetMinLogLevel(LogLevel::kInfo);
  SetLogSink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  DecisionLog log;
  for (int i = 0; i < 3; ++i) {
    log.RecordFallback("once:1", NotFound("the detail"));
    log.RecordShared("once:1");
    log.LogRefusal("once:1", Fallback{FallbackReason::kTlsNotReplaced, "another"});
  }
  SetLogSink(nullptr);
  SetMinLogLevel(LogLevel::kWarning);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_NE(lines[0].find("once:1: socket, because server_not_found: the detail"),
            std::string::npos)
      << lines[0];
  EXPECT_NE(lines[1].find("once:1: shared memory"), std::string::npos) << lines[1];
  EXPECT_NE(lines[2].find("tls_not_replaced"), std::string::npos) << lines[2];
}

TEST(DecisionLog, SpeaksOfTheProtocol) {
  std::vector<std::string> lines;
  SetLogSink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  DecisionLog grpc;
  grpc.RecordFallback("grpc:1", NotFound(""));
  DecisionLog zmq;
  zmq.SetProtocol("zmq");
  zmq.RecordFallback("zmq:1", NotFound(""));
  SetLogSink(nullptr);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_NE(lines[0].find("credentials"), std::string::npos) << lines[0];
  EXPECT_NE(lines[1].find("libzmq"), std::string::npos) << lines[1];
  EXPECT_EQ(lines[1].find("credentials"), std::string::npos) << lines[1];
}

TEST(DecisionLog, ManyThreads) {
  DecisionLog log;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&log, t] {
      for (int i = 0; i < 500; ++i) {
        log.RecordFallback(std::to_string((t * 31 + i) % 40), NotFound());
        (void)log.Recent();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(log.fallbacks(), 2000u);
  EXPECT_EQ(log.Recent().size(), 40u);
}

}  // namespace
}  // namespace samehost::rendezvous
