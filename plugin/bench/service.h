// The measured service, by gRPC's synchronous and by its callback API. The handlers hand the
// request's own body back, so that what is measured is the transport and not a copy in the handler.
// Called by gRPC's threads.
#ifndef SAMEHOST_PLUGIN_BENCH_SERVICE_H_
#define SAMEHOST_PLUGIN_BENCH_SERVICE_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

#include "proto/bench.grpc.pb.h"

namespace samehost::bench {

struct ServiceCounters {
  std::atomic<uint64_t> messages{0};        // bodies received
  std::atomic<uint64_t> payload_errors{0};  // of those, not as CheckBodyAsServer wants them
};

// `counters` outlives the service. Unary handlers sleep for `wait` before they answer.
std::unique_ptr<grpc::Service> MakeSyncService(ServiceCounters& counters,
                                               std::chrono::microseconds wait);
// Unary only; a stream ends UNIMPLEMENTED.
std::unique_ptr<grpc::Service> MakeCallbackService(ServiceCounters& counters);

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_SERVICE_H_
