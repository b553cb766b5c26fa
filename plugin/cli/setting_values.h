// Which values the settings of the environment know, so that one that nobody knows can be told to
// the user: programs take something else in its place, and most say so only in their log.
//
// Plain functions, any thread; names of users and groups are looked up, which may take long.
#ifndef SAMEHOST_PLUGIN_CLI_SETTING_VALUES_H_
#define SAMEHOST_PLUGIN_CLI_SETTING_VALUES_H_

#include <string>
#include <string_view>
#include <vector>

namespace samehost::cli {

struct OddSetting {
  std::string setting;  // "SAMEHOST_WAIT=latncy"
  std::string why;      // "latncy is neither efficient, balanced nor latency; balanced is taken"
};

// What is odd about the value of this variable: an entry for each item of a list.
std::vector<OddSetting> OddValues(const std::string& variable, const std::string& value);

// For each variable of this process that begins with SAMEHOST; of unknown names as well.
std::vector<OddSetting> OddSettingsHere();

// Why an item of these lists means nothing here; empty when it does mean something.
std::string WhyNoUser(const std::string& item);
std::string WhyNoGroup(const std::string& item);
std::string WhyNoExclusion(const std::string& item);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_SETTING_VALUES_H_
