#include "plugin/rendezvous/switches.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <string>
#include <string_view>

#include "plugin/base/log.h"
#include "plugin/base/setting.h"
#include "plugin/base/trimmed.h"

namespace samehost::rendezvous {
namespace {

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

// The numeric address that this is the text of, in the one way that ToString() writes it.
bool IsIpText(std::string_view host, uint16_t port, std::string_view whole) {
  Address address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string inside(bracketed ? host.substr(1, host.size() - 2) : host);
  if (inside.find('%') != std::string::npos) return bracketed;  // a scope: by number only
  if (bracketed && inet_pton(AF_INET6, inside.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    address.length = sizeof(v6);
  } else if (!bracketed && inet_pton(AF_INET, inside.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    address.length = sizeof(v4);
  } else {
    return false;
  }
  return ToString(address) == whole;
}

}  // namespace

bool IsExclusion(std::string_view item) {
  for (const std::string_view form : {"unix:", "unix-abstract:", "name:"}) {
    if (item.substr(0, form.size()) == form) return item.size() > form.size();
  }
  const size_t colon = item.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view digits = item.substr(colon + 1);
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port == 0) return false;
  return colon == 0 || IsIpText(item.substr(0, colon), port, item);
}

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

}  // namespace samehost::rendezvous
