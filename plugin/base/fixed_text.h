// Text in a field of fixed size, as it lies in memory that processes share: cut to what fits, ended
// by a zero, and the rest zeros.
#ifndef SAMEHOST_PLUGIN_BASE_FIXED_TEXT_H_
#define SAMEHOST_PLUGIN_BASE_FIXED_TEXT_H_

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string_view>

namespace samehost {

template <size_t kSize>
void CopyText(char (&place)[kSize], std::string_view text) {
  const size_t size = std::min(text.size(), kSize - 1);
  std::memcpy(place, text.data(), size);
  std::memset(place + size, 0, kSize - size);
}

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_FIXED_TEXT_H_
