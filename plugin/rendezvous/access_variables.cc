#include "plugin/rendezvous/access_variables.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "plugin/base/log.h"
#include "plugin/base/setting.h"
#include "plugin/base/trimmed.h"

namespace samehost::rendezvous {
namespace {

// A record of this database may take so much; beyond it the name counts as unknown.
constexpr size_t kMaxRecordBytes = size_t{1} << 20;

// `Record` with its id, and the reentrant function that finds one by its name.
template <typename Record, typename Find, typename Id>
std::optional<Id> IdOf(const std::string& name, Find find, Id Record::*id) {
  for (std::string buffer(1024, '\0'); buffer.size() <= kMaxRecordBytes;
       buffer.resize(buffer.size() * 4)) {
    Record record = {};
    Record* found = nullptr;
    const int error = find(name.c_str(), &record, buffer.data(), buffer.size(), &found);
    if (error == ERANGE) continue;
    return found != nullptr ? std::optional<Id>(record.*id) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<uint32_t> Number(std::string_view text) {
  uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stopped == end ? std::optional<uint32_t>(number) : std::nullopt;
}

// The ids that a variable names; `find` answers what an item stands for.
template <typename Find>
std::vector<uint32_t> Ids(const char* variable, Find find) {
  std::vector<uint32_t> ids;
  const std::string value = SettingOr(variable);
  std::string_view left = value;
  while (!left.empty()) {
    const size_t comma = left.find(',');
    const std::string item(Trimmed(left.substr(0, comma)));
    left = comma == std::string_view::npos ? "" : left.substr(comma + 1);
    if (item.empty()) continue;
    if (const std::optional<uint32_t> id = find(item)) {
      ids.push_back(*id);
    } else {
      Log(LogLevel::kWarning,
          std::string(variable) + " has \"" + item + "\", which is unknown here");
    }
  }
  return ids;
}

}  // namespace

std::optional<uid_t> FindUser(const std::string& text) {
  const auto number = Number(text);
  return number ? number : IdOf(text, getpwnam_r, &passwd::pw_uid);
}

std::optional<gid_t> FindGroup(const std::string& text) {
  const auto number = Number(text);
  return number ? number : IdOf(text, getgrnam_r, &group::gr_gid);
}

AccessPolicy AccessFromEnvironment() {
  return {Ids("SAMEHOST_ALLOW_USERS", FindUser), Ids("SAMEHOST_ALLOW_GROUPS", FindGroup)};
}

}  // namespace samehost::rendezvous
