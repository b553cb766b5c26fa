// WasCompressed: whether the last message that a call received came compressed. gRPC keeps this
// for tests: exported functions, and friends under names that its own interoperability tests use.
#ifndef SAMEHOST_PLUGIN_TESTS_HARNESS_COMPRESSION_FACTS_H_
#define SAMEHOST_PLUGIN_TESTS_HARNESS_COMPRESSION_FACTS_H_

#include <grpc/grpc.h>
#include <grpcpp/client_context.h>
#include <grpcpp/server_context.h>

#include <cstdint>

// src/core/lib/surface/call_test_only.h
uint32_t grpc_call_test_only_get_message_flags(grpc_call* call);

namespace grpc::testing {

class InteropServerContextInspector {
 public:
  static grpc_call* Call(const ServerContextBase& context) { return context.call_.call; }
};

class InteropClientContextInspector {
 public:
  static grpc_call* Call(const ClientContext& context) { return context.call_; }
};

}  // namespace grpc::testing

namespace samehost::testing {

// GRPC_WRITE_INTERNAL_TEST_ONLY_WAS_COMPRESSED (src/core/lib/transport/transport.h)
inline constexpr uint32_t kWasCompressed = 0x40000000u;

inline bool WasCompressed(const grpc::ServerContextBase& context) {
  auto* call = grpc::testing::InteropServerContextInspector::Call(context);
  return (grpc_call_test_only_get_message_flags(call) & kWasCompressed) != 0;
}

inline bool WasCompressed(const grpc::ClientContext& context) {
  auto* call = grpc::testing::InteropClientContextInspector::Call(context);
  return (grpc_call_test_only_get_message_flags(call) & kWasCompressed) != 0;
}

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_HARNESS_COMPRESSION_FACTS_H_
