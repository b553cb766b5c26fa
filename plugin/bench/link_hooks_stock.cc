#include "plugin/bench/bench_failure.h"
#include "plugin/bench/link_hooks.h"

namespace samehost::bench {

bool HasSamehost() { return false; }

std::shared_ptr<grpc::ChannelCredentials> SamehostChannelCredentials() {
  throw BenchFailure("this executable was built without samehost");
}

std::shared_ptr<grpc::ServerCredentials> SamehostServerCredentials() {
  throw BenchFailure("this executable was built without samehost");
}

nlohmann::json LinkStatistics() { return nlohmann::json::object(); }

std::string DescribeFallbacks() { return {}; }

}  // namespace samehost::bench
