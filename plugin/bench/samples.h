// Latencies of single operations, every one kept: percentiles are exact order statistics, never
// averages of averages. Not synchronised; each thread has its own and they are merged afterwards.
#ifndef SAMEHOST_PLUGIN_BENCH_SAMPLES_H_
#define SAMEHOST_PLUGIN_BENCH_SAMPLES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace samehost::bench {

class Samples {
 public:
  Samples() = default;
  explicit Samples(std::vector<uint32_t> nanoseconds) : nanoseconds_(std::move(nanoseconds)) {}

  void Reserve(size_t count) { nanoseconds_.reserve(count); }
  // Saturates at 4.29 s.
  void Add(uint64_t nanoseconds) {
    nanoseconds_.push_back(nanoseconds < UINT32_MAX ? static_cast<uint32_t>(nanoseconds)
                                                    : UINT32_MAX);
  }
  void Merge(const Samples& other);

  size_t count() const { return nanoseconds_.size(); }
  const std::vector<uint32_t>& nanoseconds() const { return nanoseconds_; }

  // The smallest sample that at least `fraction` of all samples do not exceed (nearest rank), in
  // nanoseconds. Negative when the samples are too few to tell: at least 1 / (1 - fraction) are
  // needed, or the answer would always be the maximum.
  double Percentile(double fraction) const;

  // Zero without samples.
  uint32_t Longest() const;
  size_t CountOver(uint32_t nanoseconds) const;

 private:
  std::vector<uint32_t> nanoseconds_;
};

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_SAMPLES_H_
