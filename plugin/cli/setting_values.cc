#include "plugin/cli/setting_values.h"

#include <unistd.h>

#include <algorithm>
#include <functional>

#include "plugin/cli/nearest.h"
#include "plugin/cli/proc.h"
#include "plugin/rendezvous/access_variables.h"
#include "plugin/rendezvous/switches.h"

namespace samehost::cli {
namespace {

// Why a value, or an item of a list, means nothing; empty when it means something.
using Judge = std::function<std::string(const std::string& item)>;

struct Known {
  const char* name;
  bool is_list;
  Judge judge;
};

Judge OneOf(std::vector<std::string> words, std::string otherwise) {
  return [words = std::move(words), otherwise = std::move(otherwise)](const std::string& item) {
    if (std::find(words.begin(), words.end(), item) != words.end()) return std::string();
    const std::string meant = DidYouMean(item, words);
    return item + " is unknown" + (meant.empty() ? "." : meant) + " " + otherwise;
  };
}

const std::vector<Known>& KnownVariables() {
  static const auto* known = new std::vector<Known>{
      {"SAMEHOST", false,
       OneOf({"off", "0", "on", "1"}, "Only off and 0 switch shared memory off")},
      {"SAMEHOST_EXCLUDE", true, WhyNoExclusion},
      {"SAMEHOST_DIR", false, [](const std::string&) { return ""; }},
      {"SAMEHOST_ALLOW_USERS", true, WhyNoUser},
      {"SAMEHOST_ALLOW_GROUPS", true, WhyNoGroup},
      {"SAMEHOST_REPLACE_TLS", false, OneOf({"1", "0"}, "Only 1 counts")},
      {"SAMEHOST_WAIT", false,
       OneOf({"efficient", "balanced", "latency"},
             "It may be efficient, balanced or latency; "
             "programs take balanced")},
      {"SAMEHOST_LOG", false,
       OneOf({"debug", "info", "warning", "error", "off"},
             "It may be debug, info, warning, error or off; programs take warning")},
      {"SAMEHOST_ZMQ", true,
       OneOf({"ipc", "tcp", "off", "none"}, "It may have ipc and tcp, or be off")},
      // Of scripts/build alone.
      {"SAMEHOST_ZMQ_SOURCE", false, [](const std::string&) { return std::string(); }}};
  return *known;
}

std::vector<std::string> Items(const std::string& list) {
  std::vector<std::string> out;
  for (std::string_view left = list; !left.empty();) {
    const size_t comma = left.find(',');
    std::string_view item = left.substr(0, comma);
    left = comma == std::string_view::npos ? "" : left.substr(comma + 1);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    if (!item.empty()) out.emplace_back(item);
  }
  return out;
}

OddSetting UnknownName(const std::string& name, const std::string& value) {
  std::vector<std::string> names;
  for (const Known& known : KnownVariables()) names.emplace_back(known.name);
  return {name + "=" + value, "there is no such variable" + DidYouMean(name, names)};
}

}  // namespace

std::string WhyNoUser(const std::string& item) {
  return rendezvous::FindUser(item) ? "" : "there is no user \"" + item + "\" here";
}

std::string WhyNoGroup(const std::string& item) {
  return rendezvous::FindGroup(item) ? "" : "there is no group \"" + item + "\" here";
}

std::string WhyNoExclusion(const std::string& item) {
  if (rendezvous::IsExclusion(item)) return "";
  return "\"" + item +
         "\" is no address that can be excluded: write 127.0.0.1:50051, [::1]:50051, "
         "unix:/run/app.sock, unix-abstract:name, or :50051 for the port at every address";
}

std::vector<OddSetting> OddValues(const std::string& variable, const std::string& value) {
  std::vector<OddSetting> out;
  for (const Known& known : KnownVariables()) {
    if (variable != known.name || value.empty()) continue;
    for (const std::string& item : known.is_list ? Items(value) : std::vector{value}) {
      const std::string why = known.judge(item);
      if (!why.empty()) out.push_back({variable + "=" + Printable(value), Printable(why)});
    }
    return out;
  }
  return out;
}

std::vector<OddSetting> OddSettingsHere() {
  constexpr std::string_view kOurs = "SAMEHOST";
  std::vector<OddSetting> out;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string text = *one;
    const size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    if (name.substr(0, kOurs.size()) != kOurs || equals == std::string::npos) continue;
    const std::string value = text.substr(equals + 1);
    const auto& known = KnownVariables();
    const bool is_known =
        std::any_of(known.begin(), known.end(), [&](const Known& k) { return name == k.name; });
    const std::vector<OddSetting> odd =
        is_known ? OddValues(name, value) : std::vector{UnknownName(name, Printable(value))};
    out.insert(out.end(), odd.begin(), odd.end());
  }
  return out;
}

}  // namespace samehost::cli
