// TransportKind: the parameter of every behaviour test. The stock instances prove that the test
// itself is right; the samehost instances prove that nobody can tell the difference.
#ifndef SAMEHOST_PLUGIN_TESTS_HARNESS_TRANSPORT_KIND_H_
#define SAMEHOST_PLUGIN_TESTS_HARNESS_TRANSPORT_KIND_H_

#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#ifdef SAMEHOST_TESTS_WITH_SAMEHOST
#include <samehost/grpc.h>
#endif

namespace samehost::testing {

enum class TransportKind { kStockUnix, kStockTcp, kSamehostUnix, kSamehostTcp };

constexpr bool IsSamehost(TransportKind kind) { return kind >= TransportKind::kSamehostUnix; }
constexpr bool IsUnix(TransportKind kind) {
  return kind == TransportKind::kStockUnix || kind == TransportKind::kSamehostUnix;
}
const char* Name(TransportKind kind);

// Every kind that this build has.
::testing::internal::ParamGenerator<TransportKind> AllTransports();
// Only samehost over its two kinds of address; empty when this build does not have it.
::testing::internal::ParamGenerator<TransportKind> SamehostTransports();
std::string ParamName(const ::testing::TestParamInfo<TransportKind>& info);

// Name -> value of samehost::Stats(); all zero in a build without it.
using Counters = std::map<std::string, uint64_t>;
Counters SamehostCounters();

// A directory of this test process alone; SAMEHOST_DIR points into it from the first call on
// (made before main). Removed at exit.
const std::string& ProcessDirectory();
// A loopback address that no other process of this test run uses: 127.x.y.z from the process id.
std::string ProcessHost();

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_HARNESS_TRANSPORT_KIND_H_
