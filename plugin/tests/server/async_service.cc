#include <grpcpp/server_context.h>
#include <unistd.h>

#include <thread>

#include "plugin/tests/behaviour.grpc.pb.h"
#include "plugin/tests/harness/completion_task.h"
#include "plugin/tests/server/scripted_call.h"
#include "plugin/tests/server/services.h"

namespace samehost::testing {
namespace {

using behaviour::Reply;
using behaviour::Request;
// Not Behaviour::AsyncService: that would have NotImplemented wait for ever.
using Service =
    behaviour::Behaviour::WithAsyncMethod_Unary<behaviour::Behaviour::WithAsyncMethod_ClientStream<
        behaviour::Behaviour::WithAsyncMethod_ServerStream<
            behaviour::Behaviour::WithAsyncMethod_BidiStream<behaviour::Behaviour::Service>>>>;

// Where one handler finds what it needs to take the next call.
struct Desk {
  Service* service;
  grpc::ServerCompletionQueue* queue;
  ServiceState* state;
};

// The status is with the transport: what it promised must reach the client even now.
void ExitIfScripted(const ScriptedCall& call) {
  if (call.script().exit_after_finish()) _exit(0);
}

CompletionTask ServeUnary(Desk desk) {
  grpc::ServerContext context;
  Request request;
  grpc::ServerAsyncResponseWriter<Reply> writer(&context);
  bool ok = co_await Completion([&](void* tag) {
    desk.service->RequestUnary(&context, &request, &writer, desk.queue, desk.queue, tag);
  });
  if (!ok) co_return;
  ServeUnary(desk);
  ScriptedCall call(desk.state, &context);
  call.OnRequest(request);
  Reply reply = call.MakeReply(request);
  grpc::Status status = call.FinalStatus();
  co_await Completion([&](void* tag) { writer.Finish(reply, status, tag); });
  ExitIfScripted(call);
}

CompletionTask ServeClientStream(Desk desk) {
  grpc::ServerContext context;
  grpc::ServerAsyncReader<Reply, Request> reader(&context);
  bool ok = co_await Completion([&](void* tag) {
    desk.service->RequestClientStream(&context, &reader, desk.queue, desk.queue, tag);
  });
  if (!ok) co_return;
  ServeClientStream(desk);
  ScriptedCall call(desk.state, &context);
  Request request, last;
  for (;;) {
    ok = co_await Completion([&](void* tag) { reader.Read(&request, tag); });
    if (!ok) break;
    call.OnRequest(request);
    last = request;
  }
  Reply reply = call.MakeReply(last);
  grpc::Status status = call.FinalStatus();
  co_await Completion([&](void* tag) { reader.Finish(reply, status, tag); });
  ExitIfScripted(call);
}

CompletionTask ServeServerStream(Desk desk) {
  grpc::ServerContext context;
  Request request;
  grpc::ServerAsyncWriter<Reply> writer(&context);
  bool ok = co_await Completion([&](void* tag) {
    desk.service->RequestServerStream(&context, &request, &writer, desk.queue, desk.queue, tag);
  });
  if (!ok) co_return;
  ServeServerStream(desk);
  ScriptedCall call(desk.state, &context);
  call.OnRequest(request);
  Reply reply = call.MakeReply(request);
  for (int i = 0; ok && i < call.script().replies(); ++i) {
    ok = co_await Completion([&](void* tag) { writer.Write(reply, tag); });
  }
  grpc::Status status = call.FinalStatus();
  co_await Completion([&](void* tag) { writer.Finish(status, tag); });
  ExitIfScripted(call);
}

CompletionTask ServeBidiStream(Desk desk) {
  grpc::ServerContext context;
  grpc::ServerAsyncReaderWriter<Reply, Request> stream(&context);
  bool ok = co_await Completion([&](void* tag) {
    desk.service->RequestBidiStream(&context, &stream, desk.queue, desk.queue, tag);
  });
  if (!ok) co_return;
  ServeBidiStream(desk);
  ScriptedCall call(desk.state, &context);
  Request request;
  for (;;) {
    ok = co_await Completion([&](void* tag) { stream.Read(&request, tag); });
    if (!ok) break;
    call.OnRequest(request);
    Reply reply = call.MakeReply(request);
    ok = co_await Completion([&](void* tag) { stream.Write(reply, tag); });
    if (!ok) break;
  }
  grpc::Status status = call.FinalStatus();
  co_await Completion([&](void* tag) { stream.Finish(status, tag); });
  ExitIfScripted(call);
}

class AsyncService final : public ApiService {
 public:
  explicit AsyncService(ServiceState* state) : state_(state) {}

  void Register(grpc::ServerBuilder* builder) override {
    builder->RegisterService(&service_);
    queue_ = builder->AddCompletionQueue();
  }
  void Start() override {
    Desk desk{&service_, queue_.get(), state_};
    ServeUnary(desk);
    ServeClientStream(desk);
    ServeServerStream(desk);
    ServeBidiStream(desk);
    thread_ = std::thread([this] { RunCompletions(queue_.get()); });
  }
  void Stop() override {
    queue_->Shutdown();
    thread_.join();
  }

 private:
  ServiceState* state_;
  Service service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<ApiService> MakeAsyncService(ServiceState* state) {
  return std::make_unique<AsyncService>(state);
}

}  // namespace samehost::testing
