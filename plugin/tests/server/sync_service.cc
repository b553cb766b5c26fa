#include <grpcpp/server_context.h>

#include "plugin/tests/behaviour.grpc.pb.h"
#include "plugin/tests/server/scripted_call.h"
#include "plugin/tests/server/services.h"

namespace samehost::testing {
namespace {

using behaviour::Reply;
using behaviour::Request;
using behaviour::Script;

class SyncService final : public behaviour::Behaviour::Service, public ApiService {
 public:
  explicit SyncService(ServiceState* state) : state_(state) {}
  void Register(grpc::ServerBuilder* builder) override { builder->RegisterService(this); }

  grpc::Status Unary(grpc::ServerContext* context, const Request* request, Reply* reply) override {
    ScriptedCall call(state_, context);
    call.OnRequest(*request);
    if (call.CancelsAt(Script::BEFORE_WRITE)) return grpc::Status::CANCELLED;
    call.Pause();
    *reply = call.MakeReply(*request);
    if (call.CancelsAt(Script::AFTER_WRITE)) return grpc::Status::CANCELLED;
    return call.FinalStatus();
  }

  grpc::Status ClientStream(grpc::ServerContext* context, grpc::ServerReader<Request>* reader,
                            Reply* reply) override {
    ScriptedCall call(state_, context);
    Request request, last;
    while (reader->Read(&request)) {
      call.OnRequest(request);
      if (call.script().finish_without_reading()) return call.FinalStatus();
      if (call.CancelsAt(Script::BEFORE_READ)) return grpc::Status::CANCELLED;
      call.AwaitReadPermit();
      last = request;
    }
    call.Pause();
    if (call.CancelsAt(Script::BEFORE_WRITE)) return grpc::Status::CANCELLED;
    *reply = call.MakeReply(last);
    return call.FinalStatus();
  }

  grpc::Status ServerStream(grpc::ServerContext* context, const Request* request,
                            grpc::ServerWriter<Reply>* writer) override {
    ScriptedCall call(state_, context);
    call.OnRequest(*request);
    if (call.script().send_initial_metadata_first()) writer->SendInitialMetadata();
    if (call.CancelsAt(Script::BEFORE_WRITE)) return grpc::Status::CANCELLED;
    for (int i = 0; i < call.script().replies(); ++i) {
      if (!WriteReply(call, *request, writer)) break;
      if (call.CancelsAt(Script::AFTER_WRITE)) return grpc::Status::CANCELLED;
    }
    call.Pause();
    return call.FinalStatus();
  }

  grpc::Status BidiStream(grpc::ServerContext* context,
                          grpc::ServerReaderWriter<Reply, Request>* stream) override {
    ScriptedCall call(state_, context);
    for (Request request; stream->Read(&request);) {
      call.OnRequest(request);
      if (call.script().send_initial_metadata_first()) stream->SendInitialMetadata();
      if (call.script().finish_without_reading()) return call.FinalStatus();
      if (call.CancelsAt(Script::BEFORE_WRITE)) return grpc::Status::CANCELLED;
      int replies = call.script().write_all_first() ? call.script().replies() : 1;
      for (int i = 0; i < replies; ++i) {
        if (!WriteReply(call, request, stream)) break;
      }
      if (call.CancelsAt(Script::AFTER_WRITE)) return grpc::Status::CANCELLED;
      call.AwaitReadPermit();
    }
    call.Pause();
    return call.FinalStatus();
  }

 private:
  template <typename Writer>
  static bool WriteReply(ScriptedCall& call, const Request& request, Writer* writer) {
    grpc::WriteOptions options;
    if (call.script().uncompressed_message()) options.set_no_compression();
    return writer->Write(call.MakeReply(request), options);
  }

  ServiceState* state_;
};

}  // namespace

std::unique_ptr<ApiService> MakeSyncService(ServiceState* state) {
  return std::make_unique<SyncService>(state);
}

}  // namespace samehost::testing
