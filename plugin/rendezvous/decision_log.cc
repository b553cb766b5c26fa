#include "plugin/rendezvous/decision_log.h"

#include "plugin/base/clock.h"
#include "plugin/base/log.h"

namespace samehost::rendezvous {
namespace {

std::string Why(const Fallback& fallback, const char* protocol) {
  return std::string(Name(fallback.reason)) + ": " +
         (fallback.detail.empty() ? std::string(Explain(fallback.reason, protocol))
                                  : fallback.detail);
}

std::string Sentence(const Fallback& fallback, const char* protocol) {
  if (fallback.reason == FallbackReason::kNone) return "shared memory";
  return "socket, because " + Why(fallback, protocol);
}

// What was asked for, cannot be otherwise, or passes by itself is no reason to warn.
LogLevel Level(FallbackReason reason) {
  switch (reason) {
    case FallbackReason::kNone:
    case FallbackReason::kSwitchedOff:
    case FallbackReason::kNotLocalAddress:
    case FallbackReason::kServerShuttingDown:
    case FallbackReason::kStaleEntry:
      return LogLevel::kInfo;
    default:
      return LogLevel::kWarning;
  }
}

void LogDecision(LogLevel level, const std::string& address, const Fallback& fallback,
                 const char* protocol) {
  if (!LogEnabled(level)) return;
  LogOnce(level, "decision " + std::string(Name(fallback.reason)) + " " + address,
          address + ": " + Sentence(fallback, protocol));
}

}  // namespace

DecisionLog& DecisionLog::Get() {
  static DecisionLog* log = new DecisionLog();  // outlives every thread
  return *log;
}

void DecisionLog::RecordFallback(const std::string& address, const Fallback& fallback, Side side) {
  Record(address, fallback, side);
  LogFallback(address, fallback);
}

void DecisionLog::Record(const std::string& address, const Fallback& fallback, Side side) {
  std::lock_guard lock(mutex_);
  ++fallbacks_;
  RememberLocked(address, fallback, side);
}

void DecisionLog::RecordShared(const std::string& address, Side side) {
  {
    std::lock_guard lock(mutex_);
    RememberLocked(address, Fallback{}, side);
  }
  LogDecision(LogLevel::kInfo, address, Fallback{}, protocol_);
}

void DecisionLog::LogFallback(const std::string& address, const Fallback& fallback) {
  LogDecision(Level(fallback.reason), address, fallback, protocol_);
}

void DecisionLog::LogRefusal(const std::string& address, const Fallback& fallback) {
  LogDecision(Level(fallback.reason), address, fallback, protocol_);
}

void DecisionLog::LogExpected(const std::string& address, const Fallback& fallback) {
  LogDecision(LogLevel::kInfo, address, fallback, protocol_);
}

void DecisionLog::LogUnreached(const std::string& address, const Fallback& fallback) {
  if (!LogEnabled(LogLevel::kInfo)) return;
  LogOnce(LogLevel::kInfo, "unreached " + std::string(Name(fallback.reason)) + " " + address,
          address + ": no connection, neither over a socket nor through shared memory (" +
              Why(fallback, protocol_) + ")");
}

std::vector<Decision> DecisionLog::Recent() const {
  std::lock_guard lock(mutex_);
  return {decisions_.begin(), decisions_.end()};
}

uint64_t DecisionLog::fallbacks() const {
  std::lock_guard lock(mutex_);
  return fallbacks_;
}

void DecisionLog::RememberLocked(const std::string& address, const Fallback& fallback, Side side) {
  decisions_.remove_if([&](const Decision& old) { return old.address == address; });
  decisions_.push_back(Decision{address, fallback});
  if (decisions_.size() > kMaxAddresses) decisions_.pop_front();
  page_.Write({.side = side,
               .reason = fallback.reason,
               .unix_nanos = WallClockNanos(),
               .protocol = protocol_,
               .address = address,
               .detail = fallback.detail});
}

}  // namespace samehost::rendezvous
