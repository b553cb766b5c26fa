// A server and a client in one process. Prints whether the call went through shared memory.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <samehost/grpc.h>

#include <cstdio>
#include <memory>
#include <string>

// Any answer will do: the server has no service, so gRPC itself answers UNIMPLEMENTED.
static grpc::Status Call(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  grpc::ByteBuffer reply;
  grpc::Status status;
  auto call = stub.PrepareUnaryCall(&context, "/a.Service/Method", grpc::ByteBuffer(), &queue);
  call->StartCall();
  call->Finish(&reply, &status, nullptr);
  void* tag;
  bool ok;
  queue.Next(&tag, &ok);
  return status;
}

int main() {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", samehost::ServerCredentials(), &port);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const grpc::Status status = Call(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), samehost::ChannelCredentials()));
  if (status.error_code() != grpc::StatusCode::UNIMPLEMENTED) {
    std::printf("the call failed: %s\n", status.error_message().c_str());
    return 1;
  }
  if (samehost::Stats().links_opened == 0) {
    for (const auto& each : samehost::RecentFallbacks()) std::printf("%s\n", each.reason.c_str());
    return 1;
  }
  std::printf("gRPC in shared memory\n");
}
