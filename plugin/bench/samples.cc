#include "plugin/bench/samples.h"

#include <algorithm>
#include <cmath>

namespace samehost::bench {

void Samples::Merge(const Samples& other) {
  nanoseconds_.insert(nanoseconds_.end(), other.nanoseconds_.begin(), other.nanoseconds_.end());
}

double Samples::Percentile(double fraction) const {
  const double count = static_cast<double>(nanoseconds_.size());
  // The small term forgives 1 - 0.99 not being 0.01.
  if (count == 0 || count * (1 - fraction) < 1 - 1e-6) return -1;
  std::vector<uint32_t> copy = nanoseconds_;
  const auto rank = static_cast<size_t>(std::ceil(fraction * count - 1e-6));
  const size_t index = rank == 0 ? 0 : rank - 1;
  std::nth_element(copy.begin(), copy.begin() + index, copy.end());
  return copy[index];
}

uint32_t Samples::Longest() const {
  return nanoseconds_.empty() ? 0 : *std::max_element(nanoseconds_.begin(), nanoseconds_.end());
}

size_t Samples::CountOver(uint32_t nanoseconds) const {
  return std::count_if(nanoseconds_.begin(), nanoseconds_.end(),
                       [=](uint32_t sample) { return sample > nanoseconds; });
}

}  // namespace samehost::bench
