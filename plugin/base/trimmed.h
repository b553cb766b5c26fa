#ifndef SAMEHOST_PLUGIN_BASE_TRIMMED_H_
#define SAMEHOST_PLUGIN_BASE_TRIMMED_H_

#include <string_view>

namespace samehost {

// `text` without the blanks (space, tab, carriage return) before and after it; points into `text`.
inline std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return "";
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_TRIMMED_H_
