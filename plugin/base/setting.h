// GetSetting: a setting of this process (SAMEHOST, SAMEHOST_WAIT, ...): the environment's, else
// the one of the machine's file /etc/samehost.conf (settings_file.h). A variable that is set but
// empty is the environment's word, and the file is not asked.
//
// In a program with rights of its own (setuid) the environment is its caller's and is ignored; the
// file, which is root's, counts. Any thread, as far as getenv() is. What is wrong with the file is
// logged once per process, when the first setting is asked for.
#ifndef SAMEHOST_PLUGIN_BASE_SETTING_H_
#define SAMEHOST_PLUGIN_BASE_SETTING_H_

#include <string>

namespace samehost {

// Null: not set. The text of the environment lives as long as getenv()'s, the file's for ever.
const char* GetSetting(const char* name);
// The same with "" for what is not set.
std::string SettingOr(const char* name, const char* otherwise = "");

// "SAMEHOST_WAIT=efficient", and where it comes from if not from the environment; for people.
// Requires that it is set.
std::string DescribeSetting(const char* name);

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_SETTING_H_
