#include "plugin/rendezvous/switches.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstdlib>
#include <string>
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
