// SettingsFile: /etc/samehost.conf, an administrator's defaults for the settings that a process
// else takes from its environment (setting.h):
//
//   # as systemd's EnvironmentFile=
//   SAMEHOST_WAIT=efficient
//   SAMEHOST_EXCLUDE=:2379,127.0.0.1:9000
//
// One NAME=value a line; lines that begin with # or ; are comments, and quotes around a value are
// taken off. The file counts only if it is a regular file of root's that nobody else may write to;
// otherwise it is ignored. A line that is not understood is ignored, the others count. What was
// ignored is said in `problems`, a sentence each, at most kMaxProblems.
//
// Plain functions, any thread. Nothing here logs: the logger itself asks for SAMEHOST_LOG here.
#ifndef SAMEHOST_PLUGIN_BASE_SETTINGS_FILE_H_
#define SAMEHOST_PLUGIN_BASE_SETTINGS_FILE_H_

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace samehost {

struct SettingsFile {
  static constexpr char kPath[] = "/etc/samehost.conf";
  static constexpr size_t kMaxBytes = 64 * 1024;
  static constexpr size_t kMaxProblems = 8;

  bool present = false;
  std::map<std::string, std::string, std::less<>> values;  // by NAME
  std::vector<std::string> problems;

  // Null when the file does not have it. The text lives as long as this object.
  const char* Find(std::string_view name) const;
};

SettingsFile ParseSettings(std::string_view text);
SettingsFile ReadSettingsFile(const char* path);

// The machine's file, read once per process. Lives for ever.
const SettingsFile& MachineSettings();

// What the environment says, else the machine's file; null: neither. See setting.h.
const char* FindSetting(const char* name);

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_SETTINGS_FILE_H_
