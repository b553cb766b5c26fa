// A tiny leveled logger: one line a message, prefix "samehost: ", to stderr unless a sink is set.
// SAMEHOST_LOG=debug|info|warning|error|off says what is shown (as a setting, setting.h); warnings
// and errors by default.
// Any thread. Never fails, never throws: a message that cannot be written is dropped.
#ifndef SAMEHOST_PLUGIN_BASE_LOG_H_
#define SAMEHOST_PLUGIN_BASE_LOG_H_

#include <functional>
#include <string>
#include <string_view>

namespace samehost {

enum class LogLevel { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3, kOff = 4 };

// The lowest level that is shown. Read from SAMEHOST_LOG at first use.
LogLevel MinLogLevel();
void SetMinLogLevel(LogLevel level);
inline bool LogEnabled(LogLevel level) { return level >= MinLogLevel(); }

// Takes whole lines (without the newline) instead of stderr; an empty function goes back to
// stderr. Called under the logger's lock: it must not log.
using LogSink = std::function<void(LogLevel level, std::string_view line)>;
void SetLogSink(LogSink sink);

// Shows "samehost: <message>" when `level` is shown. Newlines inside become spaces.
void Log(LogLevel level, std::string_view message);

// Like Log, but only once per process for each `key`, for messages that would repeat with every
// connection. Remembers a bounded number of keys (1024); beyond it new keys are dropped.
void LogOnce(LogLevel level, const std::string& key, std::string_view message);

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_LOG_H_
