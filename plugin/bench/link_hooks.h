// The only door from this program to samehost itself. It is linked twice: `samehost-bench` with
// link_hooks_samehost.cc, and `samehost-bench-stock` with link_hooks_stock.cc and no line of
// samehost in it, so that the stock transports are measured in processes that are truly stock (the
// samehost library replaces gRPC's polling engine in every process it is linked into).
#ifndef SAMEHOST_PLUGIN_BENCH_LINK_HOOKS_H_
#define SAMEHOST_PLUGIN_BENCH_LINK_HOOKS_H_

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace samehost::bench {

// Whether this executable has samehost in it.
bool HasSamehost();

// Default options, insecure fallback. Throw BenchFailure without samehost.
std::shared_ptr<grpc::ChannelCredentials> SamehostChannelCredentials();
std::shared_ptr<grpc::ServerCredentials> SamehostServerCredentials();

// samehost::Stats() of this process by field name; an empty object without samehost.
nlohmann::json LinkStatistics();

// Why connections of this process did not use shared memory, for a message; empty if none.
std::string DescribeFallbacks();

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_LINK_HOOKS_H_
