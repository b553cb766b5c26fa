#include "plugin/bench/menu/format.h"

#include <cmath>
#include <cstdio>

namespace samehost::bench::menu {
namespace {

// Three significant digits or so.
std::string Short(double value, const char* unit) {
  const char* format = value < 9.995 ? "%.2f %s" : value < 99.95 ? "%.1f %s" : "%.0f %s";
  char text[48];
  std::snprintf(text, sizeof(text), format, value, unit);
  return text;
}

}  // namespace

std::string SizeText(uint64_t bytes) {
  const char* unit = bytes < 1024 ? "B" : bytes < 1024 * 1024 ? "KiB" : "MiB";
  const double value = bytes < 1024          ? static_cast<double>(bytes)
                       : bytes < 1024 * 1024 ? bytes / 1024.0
                                             : bytes / 1048576.0;
  char text[48];
  std::snprintf(text, sizeof(text), value == std::floor(value) ? "%.0f %s" : "%.1f %s", value,
                unit);
  return text;
}

std::string MicrosText(double us) {
  if (us < 0) return "-";
  return us < 1000 ? Short(us, "us") : Short(us / 1000, "ms");
}

std::string RateText(double per_second) {
  if (per_second < 0) return "-";
  if (per_second < 1e3) return Short(per_second, "/s");
  return per_second < 1e6 ? Short(per_second / 1e3, "k/s") : Short(per_second / 1e6, "M/s");
}

std::string BytesRateText(double megabytes_per_second) {
  if (megabytes_per_second < 0) return "-";
  return megabytes_per_second < 1000 ? Short(megabytes_per_second, "MB/s")
                                     : Short(megabytes_per_second / 1000, "GB/s");
}

std::string NumberText(double value, const char* format) {
  if (value < 0) return "-";
  char text[48];
  std::snprintf(text, sizeof(text), format, value);
  return text;
}

}  // namespace samehost::bench::menu
