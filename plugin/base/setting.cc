#include "plugin/base/setting.h"

#include <cstdlib>

#include "plugin/base/log.h"
#include "plugin/base/settings_file.h"

namespace samehost {
namespace {

bool ReportProblems() {
  std::string line;
  for (const std::string& problem : MachineSettings().problems) {
    line += (line.empty() ? std::string(SettingsFile::kPath) + ": " : "; ") + problem;
  }
  if (!line.empty()) Log(LogLevel::kWarning, line);
  return true;
}

}  // namespace

const char* GetSetting(const char* name) {
  [[maybe_unused]] static const bool reported = ReportProblems();
  return FindSetting(name);
}

std::string SettingOr(const char* name, const char* otherwise) {
  const char* value = GetSetting(name);
  return value != nullptr ? value : otherwise;
}

std::string DescribeSetting(const char* name) {
  const std::string text = std::string(name) + "=" + SettingOr(name);
  const bool of_file = secure_getenv(name) == nullptr;
  return of_file ? text + " in " + SettingsFile::kPath : text;
}

}  // namespace samehost
