// interop-grpc-client: one channel to --target, and client.h.
#include <grpcpp/grpcpp.h>

#include "interop-tests/programs/client.h"
#include "interop-tests/programs/flags.h"
#include "interop-tests/programs/grpc_credentials.h"
#include "interop-tests/programs/grpc_kinds.h"
#include "interop-tests/programs/interop.grpc.pb.h"

namespace samehost::interop {
namespace {

std::shared_ptr<grpc::Channel> MakeChannel(const Flags& flags) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 500);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (flags.round_robin) arguments.SetLoadBalancingPolicyName("round_robin");
  return grpc::CreateCustomChannel(flags.target, ClientCredentials(flags), arguments);
}

class GrpcCaller final : public Caller {
 public:
  explicit GrpcCaller(Interop::Stub* stub) : stub_(stub) {}

  Outcome Call(const std::string& id, size_t bytes, int patience_s) override {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(patience_s));
    context.set_wait_for_ready(true);
    Request request;
    request.set_payload(std::string(bytes, 'c'));
    request.set_id(id);
    Reply reply;
    const grpc::Status status = stub_->Unary(&context, request, &reply);
    Outcome outcome = {.code = status.error_code(),
                       .error = status.error_message(),
                       .server = reply.server(),
                       .peer = reply.peer()};
    for (const auto& [key, value] : reply.peer_properties()) outcome.peer_properties[key] = value;
    return outcome;
  }

 private:
  Interop::Stub* const stub_;
};

int Main(int argc, char** argv) {
  const Flags flags = ParseFlags(argc, argv);
  const auto stub = Interop::NewStub(MakeChannel(flags));
  return RunClient(flags, {[&] { return std::make_unique<GrpcCaller>(stub.get()); },
                           [&] { return TryKinds(stub.get()); }});
}

}  // namespace
}  // namespace samehost::interop

int main(int argc, char** argv) { return samehost::interop::Main(argc, argv); }
