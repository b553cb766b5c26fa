#include "plugin/rendezvous/switches.h"

#include <cstdlib>
#include <string_view>

#include "plugin/rendezvous/endpoint_name.h"

namespace samehost::rendezvous {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// An item is an address as ToString writes it, or ":port" for every TCP address with that port.
bool Excludes(std::string_view item, const Address& address, const std::string& text) {
  if (item.empty()) return false;
  if (item == text) return true;
  const auto family = address.storage.ss_family;
  if (item.front() != ':' || (family != AF_INET && family != AF_INET6)) return false;
  return item.substr(1) == std::to_string(ToIpEndpoint(address.storage).port);
}

}  // namespace

std::optional<std::string> SwitchedOff(const Address& address) {
  const char* all = getenv("SAMEHOST");
  if (all != nullptr && (std::string_view(all) == "off" || std::string_view(all) == "0")) {
    return "SAMEHOST=" + std::string(all);
  }
  const char* excluded = getenv("SAMEHOST_EXCLUDE");
  std::string_view left = excluded != nullptr ? excluded : "";
  const std::string text = ToString(address);
  while (!left.empty()) {
    const size_t comma = left.find(',');
    const std::string_view item = Trimmed(left.substr(0, comma));
    if (Excludes(item, address, text)) return "SAMEHOST_EXCLUDE has " + std::string(item);
    left = comma == std::string_view::npos ? "" : left.substr(comma + 1);
  }
  return std::nullopt;
}

}  // namespace samehost::rendezvous
