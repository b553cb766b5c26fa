// A gRPC server as it always was. Usage: hello-server-before [ADDRESS]
#include <grpcpp/grpcpp.h>

#include <iostream>
#include <memory>
#include <string>

#include "hello.grpc.pb.h"

class Greeter final : public hello::Greeter::Service {
  grpc::Status Greet(grpc::ServerContext* context, const hello::Request* request,
                     hello::Reply* reply) override {
    std::cout << "call from " << context->peer() << std::endl;
    reply->set_text("Hello, " + request->name());
    return grpc::Status::OK;
  }
};

int main(int argc, char** argv) {
  const std::string address = argc > 1 ? argv[1] : "0.0.0.0:50051";
  Greeter greeter;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&greeter);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    std::cerr << "cannot listen on " << address << std::endl;
    return 1;
  }
  std::cout << "listening on port " << port << std::endl;
  server->Wait();
}
