// What the user chose on the command line of `samehost-bench menu`.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_OPTIONS_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "plugin/bench/menu/measured.h"

namespace samehost::bench::menu {

struct Options {
  std::vector<std::string> only;  // mechanisms; empty: all
  std::vector<uint64_t> sizes = {16, 1024, 64 * 1024, 1024 * 1024};
  double seconds = 0.5;  // of load for each mechanism, size, placement and direction
  int rounds = 10;
  std::vector<Placement> placements = {Placement::kUnpinned, Placement::kPinned};
  int background_load = 0;                     // CPU-bound processes beside it
  std::string json_file, csv_file, html_file;  // empty: none
};

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_OPTIONS_H_
