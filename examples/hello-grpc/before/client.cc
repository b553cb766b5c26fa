// A gRPC client as it always was. Usage: hello-client-before [TARGET]
#include <grpcpp/grpcpp.h>

#include <iostream>
#include <string>

#include "hello.grpc.pb.h"

int main(int argc, char** argv) {
  const std::string target = argc > 1 ? argv[1] : "localhost:50051";
  auto channel = grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
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
}
