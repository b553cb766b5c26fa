// Side: one end at work: does what a RunSpec says over a channel and checks everything that it
// receives: number, length, pattern. One thread; throws BenchFailure.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_SIDE_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_SIDE_H_

#include <memory>

#include "plugin/bench/menu/channel.h"
#include "plugin/bench/menu/place.h"
#include "plugin/bench/menu/run_spec.h"

namespace samehost::bench::menu {

class Side {
 public:
  Side(Role role, std::unique_ptr<Channel> channel) : role_(role), channel_(std::move(channel)) {}

  RunResult Run(const RunSpec& spec);
  Channel& channel() { return *channel_; }

 private:
  void RoundTrips(const RunSpec& spec, uint64_t first, uint64_t count, bool warm_up,
                  Samples* samples);
  void OneWay(const RunSpec& spec, uint64_t first, uint64_t count, bool warm_up);
  void SendNumber(uint64_t size, uint64_t number);
  void ReceiveNumber(uint64_t size, uint64_t number, bool every_byte);
  uint64_t CpuNs() const;

  const Role role_;
  std::unique_ptr<Channel> channel_;
};

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_SIDE_H_
