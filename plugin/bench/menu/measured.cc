#include "plugin/bench/menu/measured.h"

#include <algorithm>

namespace samehost::bench::menu {

double Median(std::vector<double> values) {
  if (values.empty()) return -1;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace samehost::bench::menu
