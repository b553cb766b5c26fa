// Caller: makes one call of any RPC kind by one of gRPC's client APIs, so that a test can be
// written once for all of them. Used by one thread at a time; the calls are synchronous.
#ifndef SAMEHOST_PLUGIN_TESTS_HARNESS_CALLER_H_
#define SAMEHOST_PLUGIN_TESTS_HARNESS_CALLER_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <vector>

#include "plugin/tests/behaviour.pb.h"
#include "plugin/tests/harness/server_process.h"

namespace samehost::testing {

enum class RpcKind { kUnary, kClientStream, kServerStream, kBidiStream };
inline constexpr RpcKind kAllKinds[] = {RpcKind::kUnary, RpcKind::kClientStream,
                                        RpcKind::kServerStream, RpcKind::kBidiStream};
const char* Name(RpcKind kind);
// "/samehost.behaviour.Behaviour/Unary"
std::string MethodPath(RpcKind kind);

struct Outcome {
  grpc::Status status;
  std::vector<behaviour::Reply> replies;
};

class Caller {
 public:
  virtual ~Caller() = default;
  // Sends all requests (one for kUnary and kServerStream), half-closes and reads all replies.
  // BidiStream goes to and fro: a reply is read after each request.
  virtual Outcome Call(RpcKind kind, grpc::ClientContext* context,
                       const std::vector<behaviour::Request>& requests) = 0;
};

std::unique_ptr<Caller> MakeCaller(Api api, const std::shared_ptr<grpc::Channel>& channel);

// One of each, behind MakeCaller.
std::unique_ptr<Caller> MakeSyncCaller(const std::shared_ptr<grpc::Channel>& channel);
std::unique_ptr<Caller> MakeAsyncCaller(const std::shared_ptr<grpc::Channel>& channel);
std::unique_ptr<Caller> MakeCallbackCaller(const std::shared_ptr<grpc::Channel>& channel);
std::unique_ptr<Caller> MakeGenericCaller(const std::shared_ptr<grpc::Channel>& channel);
std::unique_ptr<Caller> MakeGenericCallbackCaller(const std::shared_ptr<grpc::Channel>& channel);

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_HARNESS_CALLER_H_
