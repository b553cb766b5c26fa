// interop-grpc-server: the service of interop.proto. Prints {"listening": [ADDRESS...]} when it
// does, and ends in an orderly way at SIGTERM.
#include <grpcpp/grpcpp.h>
#include <grpcpp/security/auth_context.h>

#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "interop-tests/programs/flags.h"
#include "interop-tests/programs/grpc_credentials.h"
#include "interop-tests/programs/interop.grpc.pb.h"
#include "interop-tests/programs/journal.h"

namespace samehost::interop {
namespace {

std::string ToString(grpc::string_ref text) { return {text.data(), text.size()}; }

class Service final : public Interop::Service {
 public:
  explicit Service(const Flags& flags) : name_(flags.name), journal_(flags.journal) {}

  grpc::Status Unary(grpc::ServerContext* context, const Request* request, Reply* reply) override {
    EchoMetadata(context);
    *reply = Answer(*context, *request, 1);
    return End(*request);
  }

  grpc::Status ClientStream(grpc::ServerContext* context, grpc::ServerReader<Request>* reader,
                            Reply* reply) override {
    EchoMetadata(context);
    Request request;
    int number = 0;
    while (reader->Read(&request)) ++number;
    *reply = Answer(*context, request, number);
    return End(request);
  }

  grpc::Status ServerStream(grpc::ServerContext* context, const Request* request,
                            grpc::ServerWriter<Reply>* writer) override {
    EchoMetadata(context);
    for (int number = 1; number <= request->replies(); ++number) {
      if (!writer->Write(Answer(*context, *request, number))) break;
    }
    return End(*request);
  }

  grpc::Status BidiStream(grpc::ServerContext* context,
                          grpc::ServerReaderWriter<Reply, Request>* stream) override {
    EchoMetadata(context);
    Request request;
    for (int number = 1; stream->Read(&request); ++number) {
      if (!stream->Write(Answer(*context, request, number))) break;
    }
    return End(request);
  }

 private:
  static void EchoMetadata(grpc::ServerContext* context) {
    for (const auto& [key, value] : context->client_metadata()) {
      if (key == "x-text") context->AddInitialMetadata("x-text", ToString(value));
      if (key == "x-data-bin") context->AddTrailingMetadata("x-data-bin", ToString(value));
    }
  }

  Reply Answer(const grpc::ServerContext& context, const Request& request, int number) {
    if (request.delay_ms() > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(request.delay_ms()));
    }
    journal_.Add(request.id());
    Reply reply;
    reply.set_payload(request.payload());
    reply.set_number(number);
    reply.set_server(name_);
    reply.set_peer(context.peer());
    const auto properties = context.auth_context();
    for (auto it = properties->begin(); it != properties->end(); ++it) {
      (*reply.mutable_peer_properties())[ToString((*it).first)] = ToString((*it).second);
    }
    if (context.deadline() != std::chrono::system_clock::time_point::max()) {
      reply.set_deadline_left_ms(std::chrono::duration_cast<std::chrono::milliseconds>(
                                     context.deadline() - std::chrono::system_clock::now())
                                     .count());
    }
    return reply;
  }

  static grpc::Status End(const Request& request) {
    return {static_cast<grpc::StatusCode>(request.status_code()), request.status_message()};
  }

  const std::string name_;
  Journal journal_;
};

int Main(int argc, char** argv) {
  const Flags flags = ParseFlags(argc, argv);
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigprocmask(SIG_BLOCK, &ends, nullptr);  // before there are threads

  Service service(flags);
  grpc::ServerBuilder builder;
  // A port that somebody else has is an error, as it is for most servers.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  for (const std::string& address : flags.listen) {
    builder.AddListeningPort(address, ListenCredentials(flags));
  }
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  printf("%s\n", nlohmann::json{{"listening", flags.listen}}.dump().c_str());
  fflush(stdout);
  int signal = 0;
  sigwait(&ends, &signal);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
  return 0;
}

}  // namespace
}  // namespace samehost::interop

int main(int argc, char** argv) { return samehost::interop::Main(argc, argv); }
