// Numbers for people.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_FORMAT_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_FORMAT_H_

#include <cstdint>
#include <string>

namespace samehost::bench::menu {

std::string SizeText(uint64_t bytes);     // "16 B", "1 KiB", "9.3 KiB", "1 MiB"
std::string MicrosText(double us);        // "0.31 us", "42 us", "1.20 ms"; "-" when negative
std::string RateText(double per_second);  // "950 /s", "1.20 M/s"; "-" when negative
std::string BytesRateText(double megabytes_per_second);             // "1.20 GB/s"
std::string NumberText(double value, const char* format = "%.2f");  // "-" when negative

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_FORMAT_H_
