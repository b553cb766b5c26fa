// A load is one uninterrupted stretch of calls by one client process, with every answer checked. A
// failed call or a wrong answer throws BenchFailure. Runs in the client's worker process.
#ifndef SAMEHOST_PLUGIN_BENCH_LOAD_H_
#define SAMEHOST_PLUGIN_BENCH_LOAD_H_

#include <grpcpp/channel.h>

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "plugin/bench/samples.h"

namespace samehost::bench {

enum class LoadKind {
  kUnary,     // `threads` threads, each one synchronous call after the other
  kStream,    // one synchronous bidi stream: write, read, write, read
  kInFlight,  // one thread, one completion queue, `in_flight` unary calls at any time
};
NLOHMANN_JSON_SERIALIZE_ENUM(LoadKind, {{LoadKind::kUnary, "unary"},
                                        {LoadKind::kStream, "stream"},
                                        {LoadKind::kInFlight, "in_flight"}})

struct LoadSpec {
  LoadKind kind = LoadKind::kUnary;
  uint64_t size = 16;           // bytes of the body, both ways
  uint32_t threads = 1;         // kUnary
  uint32_t in_flight = 1;       // kInFlight
  double calls_per_second = 0;  // kUnary: pace of each thread; 0: as fast as it goes
  uint64_t duration_ns = 0;
  uint64_t max_operations = UINT64_MAX;  // per thread; ends the load early
  uint64_t start_at_ns = 0;              // CLOCK_MONOTONIC, for several clients; 0: at once
  bool check_every_byte = false;         // warm-up; otherwise CheckBody
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(LoadSpec, kind, size, threads, in_flight, calls_per_second,
                                   duration_ns, max_operations, start_at_ns, check_every_byte)

struct LoadResult {
  uint64_t operations = 0;  // = messages each way = samples
  uint64_t wall_ns = 0;     // from the first call's start to the last call's end
  uint64_t cpu_ns = 0;      // of this process, meanwhile
  Samples samples;
};

// Thread i calls over channels[i % channels.size()].
LoadResult RunLoad(const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                   const LoadSpec& spec);

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_LOAD_H_
