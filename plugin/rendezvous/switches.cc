#include "plugin/rendezvous/switches.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <string_view>

#include "plugin/base/log.h"
#include "plugin/base/setting.h"

namespace samehost::rendezvous {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Whether it is an IP address and a port.
bool IsIp(std::string_view address) {
  return !address.starts_with("unix:") && !address.starts_with("unix-abstract:") &&
         !address.starts_with("name:");
}

// An item is an address as ToString writes it, or ":port" for every TCP address with that port.
bool Excludes(std::string_view item, std::string_view address) {
  if (item.empty()) return false;
  if (item == address) return true;
  const size_t colon = address.rfind(':');
  return item.front() == ':' && IsIp(address) && colon != std::string_view::npos &&
         item == address.substr(colon);
}

bool IsPort(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return isdigit(c) != 0; }) &&
         std::stoi(std::string(text)) <= 65535;
}

bool IsHost(const std::string& text) {
  in6_addr address;
  if (inet_pton(AF_INET, text.c_str(), &address) == 1) return true;
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return false;
  const std::string inner = text.substr(1, text.size() - 2);
  return inet_pton(AF_INET6, inner.substr(0, inner.find('%')).c_str(), &address) == 1;
}

}  // namespace

std::optional<std::string> SwitchedOffAsAWhole() {
  const std::string all = SettingOr("SAMEHOST");
  if (all == "off" || all == "0") return DescribeSetting("SAMEHOST");
  return std::nullopt;
}

std::optional<std::string> SwitchedOffBySetting(const std::string& address) {
  if (auto all = SwitchedOffAsAWhole()) return all;
  const std::string excluded = SettingOr("SAMEHOST_EXCLUDE");
  std::string_view left = excluded;
  while (!left.empty()) {
    const size_t comma = left.find(',');
    const std::string_view item = Trimmed(left.substr(0, comma));
    if (Excludes(item, address)) return "SAMEHOST_EXCLUDE has " + std::string(item);
    left = comma == std::string_view::npos ? "" : left.substr(comma + 1);
  }
  return std::nullopt;
}

std::optional<std::string> SwitchedOffByFile(const SwitchFiles& files, const std::string& address) {
  for (const std::string& line : files.ignored) LogOnce(LogLevel::kInfo, "switch " + line, line);
  if (!files.off.empty()) return files.off + " is there (samehost on removes it)";
  for (const SwitchFiles::Exclusion& exclusion : files.excluded) {
    if (Excludes(exclusion.item, address)) return exclusion.path + " has " + exclusion.item;
  }
  return std::nullopt;
}

std::optional<std::string> SwitchedOffByFile(const std::string& address,
                                             const std::string& directory) {
  return SwitchedOffByFile(ReadSwitchFiles(directory), address);
}

std::optional<std::string> SwitchedOff(const Address& address, const std::string& directory) {
  const std::string text = ToString(address);
  if (auto setting = SwitchedOffBySetting(text)) return setting;
  return SwitchedOffByFile(text, directory);
}

bool IsExclusion(const std::string& item) {
  if (item.starts_with("unix:")) return item.size() > 5;
  if (item.starts_with("unix-abstract:")) return item.size() > 14;
  const size_t colon = item.rfind(':');
  if (colon == std::string::npos || !IsPort(std::string_view(item).substr(colon + 1))) return false;
  return colon == 0 || IsHost(item.substr(0, colon));
}

}  // namespace samehost::rendezvous
