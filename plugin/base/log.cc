#include "plugin/base/log.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <string>

#include "plugin/base/settings_file.h"

namespace samehost {
namespace {

constexpr size_t kMaxKeys = 1024;

// At the first use of the log, before it has a level: past it.
void SayUnknownLevel(std::string_view value) {
  std::string line = "samehost: SAMEHOST_LOG is \"" + std::string(value) +
                     "\"; it may be debug, info, warning, error or off, and is taken for warning\n";
  std::replace(line.begin(), line.end() - 1, '\n', ' ');
  [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, line.data(), line.size());
}

LogLevel LevelFromEnvironment() {
  const char* text = FindSetting("SAMEHOST_LOG");
  const std::string_view value = text == nullptr ? "" : text;
  if (value == "debug") return LogLevel::kDebug;
  if (value == "info") return LogLevel::kInfo;
  if (value == "error") return LogLevel::kError;
  if (value == "off") return LogLevel::kOff;
  if (!value.empty() && value != "warning") SayUnknownLevel(value);
  return LogLevel::kWarning;
}

std::atomic<LogLevel>& Level() {
  static std::atomic<LogLevel> level{LevelFromEnvironment()};
  return level;
}

struct Shared {
  std::mutex mutex;
  LogSink sink;
  std::set<std::string> keys;
};

// Never destroyed: other static destructors may log.
Shared& GetShared() {
  static Shared* shared = new Shared;
  return *shared;
}

void WriteLine(Shared& shared, LogLevel level, std::string_view message) {
  std::string line = "samehost: ";
  line += message;
  std::replace(line.begin(), line.end(), '\n', ' ');
  if (shared.sink) {
    shared.sink(level, line);
    return;
  }
  line += '\n';
  // One write(), so that lines of several threads and processes do not mix.
  [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

LogLevel MinLogLevel() {
  // relaxed: a level of its own, orders nothing.
  return Level().load(std::memory_order_relaxed);
}

void SetMinLogLevel(LogLevel level) { Level().store(level, std::memory_order_relaxed); }

void SetLogSink(LogSink sink) {
  Shared& shared = GetShared();
  std::lock_guard lock(shared.mutex);
  shared.sink = std::move(sink);
}

void Log(LogLevel level, std::string_view message) {
  if (!LogEnabled(level)) return;
  Shared& shared = GetShared();
  std::lock_guard lock(shared.mutex);
  WriteLine(shared, level, message);
}

void LogOnce(LogLevel level, const std::string& key, std::string_view message) {
  if (!LogEnabled(level)) return;
  Shared& shared = GetShared();
  std::lock_guard lock(shared.mutex);
  if (shared.keys.size() >= kMaxKeys || !shared.keys.insert(key).second) return;
  WriteLine(shared, level, message);
}

}  // namespace samehost
