// A gRPC client that reaches local servers through shared memory. Usage: hello-client [TARGET]
#include <grpcpp/grpcpp.h>
#include <samehost/grpc.h>

#include <iostream>
#include <string>

#include "hello.grpc.pb.h"

// Not needed for anything; shows where to look.
void PrintPath() {
  if (samehost::Stats().links_opened > 0) {
    std::cout << "through shared memory" << std::endl;
    return;
  }
  for (const samehost::FallbackInfo& fallback : samehost::RecentFallbacks()) {
    if (fallback.reason == "none") continue;
    std::cout << "through the socket " << fallback.address << ": " << fallback.reason << " ("
              << fallback.detail << ")" << std::endl;
  }
}

int main(int argc, char** argv) {
  const std::string target = argc > 1 ? argv[1] : "localhost:50051";
  auto channel = grpc::CreateChannel(target, samehost::ChannelCredentials());
  const auto greeter = hello::Greeter::NewStub(channel);

  grpc::ClientContext context;
  hello::Request request;
  hello::Reply reply;
  request.set_name("world");
  const grpc::Status status = greeter->Greet(&context, request, &reply);
  if (!status.ok()) {
    std::cerr << "call failed: " << status.error_message() << std::endl;
    return 1;
  }
  std::cout << reply.text() << std::endl;
  PrintPath();
}
