#include "plugin/base/settings_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "plugin/base/trimmed.h"
#include "plugin/base/unique_fd.h"

namespace samehost {
namespace {

std::string_view Unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == text.back() &&
                      (text.front() == '"' || text.front() == '\'');
  return quoted ? text.substr(1, text.size() - 2) : text;
}

// Each item of a list, separated by commas.
template <typename Good>
bool AllItems(std::string_view list, Good good) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (!good(Trimmed(list.substr(0, comma)))) return false;
    list = comma == std::string_view::npos ? "" : list.substr(comma + 1);
  }
  return true;
}

bool IsOneOf(std::string_view value, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), value) != words.end();
}

bool IsSwitch(std::string_view value) { return IsOneOf(value, {"on", "1", "off", "0"}); }
bool IsFlag(std::string_view value) { return IsOneOf(value, {"1", "0"}); }
bool IsWait(std::string_view value) { return IsOneOf(value, {"efficient", "balanced", "latency"}); }
bool IsLevel(std::string_view value) {
  return IsOneOf(value, {"debug", "info", "warning", "error", "off"});
}
bool IsTransports(std::string_view value) {
  return AllItems(value, [](auto item) { return IsOneOf(item, {"ipc", "tcp", "off", "none"}); });
}
bool IsAbsolutePath(std::string_view value) { return value.starts_with('/'); }
// Addresses, users and groups are looked at where they are used.
bool IsList(std::string_view) { return true; }

struct Known {
  std::string_view name;
  bool (*good)(std::string_view value);
  std::string_view expected;
};
constexpr std::array kKnown = {
    Known{"SAMEHOST", IsSwitch, "on or off"},
    Known{"SAMEHOST_ALLOW_GROUPS", IsList, ""},
    Known{"SAMEHOST_ALLOW_USERS", IsList, ""},
    Known{"SAMEHOST_DIR", IsAbsolutePath, "an absolute path"},
    Known{"SAMEHOST_EXCLUDE", IsList, ""},
    Known{"SAMEHOST_LOG", IsLevel, "debug, info, warning, error or off"},
    Known{"SAMEHOST_REPLACE_TLS", IsFlag, "1 or 0"},
    Known{"SAMEHOST_WAIT", IsWait, "efficient, balanced or latency"},
    Known{"SAMEHOST_ZMQ", IsTransports, "ipc, tcp, both, or off"},
};

// "" when the line is understood, else what is wrong with it.
std::string ParseLine(std::string_view line, SettingsFile* out) {
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos) return "is not NAME=value";
  const std::string_view name = Trimmed(line.substr(0, equals));
  const std::string_view value = Unquoted(Trimmed(line.substr(equals + 1)));
  const auto known = std::find_if(kKnown.begin(), kKnown.end(),
                                  [&](const Known& setting) { return setting.name == name; });
  if (known == kKnown.end()) return "has the unknown setting \"" + std::string(name) + "\"";
  // As in the environment, a value may be empty.
  if (!value.empty() && !known->good(value)) {
    return "has " + std::string(name) + "=" + std::string(value) + ", which is not " +
           std::string(known->expected);
  }
  out->values.insert_or_assign(std::string(name), std::string(value));
  return "";
}

void AddProblem(std::string problem, SettingsFile* out) {
  if (out->problems.size() < SettingsFile::kMaxProblems) {
    out->problems.push_back(std::move(problem));
  }
}

SettingsFile Ignored(const std::string& why) {
  SettingsFile out;
  out.present = true;
  out.problems.push_back("the file is ignored: " + why);
  return out;
}

// "" when the file is one that counts.
std::string WhyNotTrusted(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return "it is not a regular file";
  if (status.st_uid != 0) {
    return "it belongs to uid " + std::to_string(status.st_uid) + ", not to root";
  }
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others than root may write to it";
  if (static_cast<size_t>(status.st_size) > SettingsFile::kMaxBytes) {
    return "it is larger than " + std::to_string(SettingsFile::kMaxBytes) + " bytes";
  }
  return "";
}

}  // namespace

const char* SettingsFile::Find(std::string_view name) const {
  const auto found = values.find(name);
  return found == values.end() ? nullptr : found->second.c_str();
}

SettingsFile ParseSettings(std::string_view text) {
  SettingsFile out;
  out.present = true;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = Trimmed(text.substr(0, end));
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    const std::string problem = ParseLine(line, &out);
    if (!problem.empty()) AddProblem("line " + std::to_string(number) + " " + problem, &out);
  }
  return out;
}

SettingsFile ReadSettingsFile(const char* path) {
  // A FIFO must not hold the process up.
  UniqueFd fd(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) {
    if (errno == ENOENT || errno == ENOTDIR) return {};
    return Ignored(std::string("it cannot be opened: ") + strerror(errno));
  }
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return Ignored("it cannot be looked at");
  const std::string distrust = WhyNotTrusted(status);
  if (!distrust.empty()) return Ignored(distrust);
  std::string text(SettingsFile::kMaxBytes, '\0');
  size_t got = 0;
  while (got < text.size()) {
    const ssize_t more = read(fd.get(), text.data() + got, text.size() - got);
    if (more < 0 && errno == EINTR) continue;
    if (more < 0) return Ignored(std::string("it cannot be read: ") + strerror(errno));
    if (more == 0) break;
    got += static_cast<size_t>(more);
  }
  return ParseSettings(std::string_view(text).substr(0, got));
}

const SettingsFile& MachineSettings() {
  // Never destroyed: settings are asked for by threads that outlive main().
  static const SettingsFile* file = new SettingsFile(ReadSettingsFile(SettingsFile::kPath));
  return *file;
}

const char* FindSetting(const char* name) {
  const char* value = secure_getenv(name);
  return value != nullptr ? value : MachineSettings().Find(name);
}

}  // namespace samehost
