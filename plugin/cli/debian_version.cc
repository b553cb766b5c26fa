#include "plugin/cli/debian_version.h"

#include <algorithm>
#include <cstddef>

namespace samehost::cli {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// '~' comes before the end, the end before letters, letters before everything else.
int OrderAt(std::string_view text, size_t i) {
  if (i >= text.size() || IsDigit(text[i])) return 0;
  const char c = text[i];
  if (c == '~') return -1;
  return IsLetter(c) ? c : static_cast<unsigned char>(c) + 256;
}

// The digits at the front, without leading zeros; taken off.
std::string_view TakeNumber(std::string_view* text) {
  size_t end = 0;
  while (end < text->size() && IsDigit((*text)[end])) ++end;
  std::string_view number = text->substr(0, end);
  text->remove_prefix(end);
  number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
  return number;
}

int CompareNumbers(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  return a.compare(b);
}

// Part by part: what is not digits, then a number.
int CompareParts(std::string_view a, std::string_view b) {
  while (!a.empty() || !b.empty()) {
    size_t i = 0;
    while ((i < a.size() && !IsDigit(a[i])) || (i < b.size() && !IsDigit(b[i]))) {
      const int difference = OrderAt(a, i) - OrderAt(b, i);
      if (difference != 0) return difference;
      ++i;
    }
    a.remove_prefix(std::min(i, a.size()));
    b.remove_prefix(std::min(i, b.size()));
    const int difference = CompareNumbers(TakeNumber(&a), TakeNumber(&b));
    if (difference != 0) return difference;
  }
  return 0;
}

struct Version {
  std::string_view epoch;
  std::string_view upstream;
  std::string_view revision;
};

Version Split(std::string_view text) {
  Version out;
  const size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    out.epoch = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  const size_t hyphen = text.rfind('-');
  out.upstream = text.substr(0, hyphen);
  if (hyphen != std::string_view::npos) out.revision = text.substr(hyphen + 1);
  return out;
}

}  // namespace

int CompareDebianVersions(std::string_view a, std::string_view b) {
  const Version x = Split(a);
  const Version y = Split(b);
  for (const auto part : {&Version::epoch, &Version::upstream, &Version::revision}) {
    const int difference = CompareParts(x.*part, y.*part);
    if (difference != 0) return difference;
  }
  return 0;
}

}  // namespace samehost::cli
