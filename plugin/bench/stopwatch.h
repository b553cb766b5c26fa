// Stopwatch: what others took of the machine during a measurement.
#ifndef SAMEHOST_PLUGIN_BENCH_STOPWATCH_H_
#define SAMEHOST_PLUGIN_BENCH_STOPWATCH_H_

#include <unistd.h>

#include "plugin/bench/clock.h"
#include "plugin/bench/machine_facts.h"

namespace samehost::bench {

// How much of the machine somebody else had since its making.
class Stopwatch {
 public:
  double Seconds() const { return (NowNs() - begin_) / 1e9; }
  double StolenPercent() const {
    const double seconds = (NowNs() - begin_) / 1e9 * ::sysconf(_SC_NPROCESSORS_ONLN);
    return 100 * (StolenSeconds() - stolen_) / seconds;
  }

 private:
  const uint64_t begin_ = NowNs();
  const double stolen_ = StolenSeconds();
};

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_STOPWATCH_H_
