// A gRPC server and a client without a .proto file:
//
//   grpc_program                both in one process; says whether the call went through shared
//   memory grpc_program serve ADDRESS  says on which port, and serves until it is killed
//   grpc_program call ADDRESS
//
// Compiled with -DSTOCK it knows nothing of samehost.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#ifndef STOCK
#include <samehost/grpc.h>
#endif

#include <cstdio>
#include <memory>
#include <string>

#ifdef STOCK
static auto ServerCredentials() { return grpc::InsecureServerCredentials(); }
static auto ChannelCredentials() { return grpc::InsecureChannelCredentials(); }
static bool SayWhichWay() { return std::puts("called") >= 0; }
#else
static auto ServerCredentials() { return samehost::ServerCredentials(); }
static auto ChannelCredentials() { return samehost::ChannelCredentials(); }
static bool SayWhichWay() {
  if (samehost::Stats().links_opened > 0) return std::puts("gRPC in shared memory") >= 0;
  for (const auto& each : samehost::RecentFallbacks()) {
    std::printf("socket: %s (%s)\n", each.reason.c_str(), each.detail.c_str());
  }
  return false;
}
#endif

// Answers every call with UNIMPLEMENTED, which will do.
static std::unique_ptr<grpc::Server> Serve(const std::string& address, int* port) {
  static grpc::CallbackGenericService service;
  grpc::ServerBuilder builder;
  builder.RegisterCallbackGenericService(&service);
  builder.AddListeningPort(address, ServerCredentials(), port);
  return builder.BuildAndStart();
}

static bool Call(const std::string& address) {
  grpc::GenericStub stub(grpc::CreateChannel(address, ChannelCredentials()));
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
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) return true;
  std::printf("the call failed: %s\n", status.error_message().c_str());
  return false;
}

int main(int argc, char** argv) {
  const std::string role = argc > 1 ? argv[1] : "";
  const std::string address = argc > 2 ? argv[2] : "127.0.0.1:0";
  if (role == "call") return Call(address) && SayWhichWay() ? 0 : 1;
  int port = 0;
  const auto server = Serve(address, &port);
  if (server == nullptr) return 1;
  if (role == "serve") {
    std::printf("listening on port %d\n", port);
    std::fflush(stdout);
    server->Wait();
  }
  return Call("127.0.0.1:" + std::to_string(port)) && SayWhichWay() ? 0 : 1;
}
