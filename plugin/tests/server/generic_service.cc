// The generic services see bytes only: they echo each message, or for the server-streaming method
// as often as its script says. ClientStream answers the last message.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <thread>

#include "plugin/grpc/tsan.h"
#include "plugin/tests/behaviour.pb.h"
#include "plugin/tests/harness/completion_task.h"
#include "plugin/tests/server/services.h"

namespace samehost::testing {
namespace {

bool IsMethod(const std::string& full, const char* name) {
  return full == std::string("/samehost.behaviour.Behaviour/") + name;
}

bool IsKnown(const std::string& method) {
  return IsMethod(method, "Unary") || IsMethod(method, "ClientStream") ||
         IsMethod(method, "ServerStream") || IsMethod(method, "BidiStream");
}

int RepliesAskedFor(const grpc::ByteBuffer& bytes) {
  grpc::ByteBuffer copy = bytes;
  behaviour::Request request;
  auto status = grpc::SerializationTraits<behaviour::Request>::Deserialize(&copy, &request);
  return status.ok() ? request.script().replies() : 0;
}

CompletionTask ServeGeneric(grpc::AsyncGenericService* service, grpc::ServerCompletionQueue* queue,
                            ServiceState* state) {
  grpc::GenericServerContext context;
  grpc::GenericServerAsyncReaderWriter stream(&context);
  bool ok = co_await Completion(
      [&](void* tag) { service->RequestCall(&context, &stream, queue, queue, tag); });
  if (!ok) co_return;
  ServeGeneric(service, queue, state);
  ++state->calls_started;
  grpc::ByteBuffer message, last;
  grpc::Status status;
  if (!IsKnown(context.method())) status = grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "");
  while (status.ok()) {
    ok = co_await Completion([&](void* tag) { stream.Read(&message, tag); });
    if (!ok) break;
    ++state->messages_read;
    last = message;
    int echoes = IsMethod(context.method(), "ServerStream")   ? RepliesAskedFor(message)
                 : IsMethod(context.method(), "ClientStream") ? 0
                                                              : 1;
    for (int i = 0; ok && i < echoes; ++i) {
      ok = co_await Completion([&](void* tag) { stream.Write(message, tag); });
    }
    if (!ok) break;
  }
  if (IsMethod(context.method(), "ClientStream") && last.Valid()) {
    co_await Completion([&](void* tag) { stream.Write(last, tag); });
  }
  co_await Completion([&](void* tag) { stream.Finish(status, tag); });
  ++state->calls_finished;
}

class GenericService final : public ApiService {
 public:
  explicit GenericService(ServiceState* state) : state_(state) {}

  void Register(grpc::ServerBuilder* builder) override {
    builder->RegisterAsyncGenericService(&service_);
    queue_ = builder->AddCompletionQueue();
  }
  void Start() override {
    ServeGeneric(&service_, queue_.get(), state_);
    thread_ = std::thread([this] { RunCompletions(queue_.get()); });
  }
  void Stop() override {
    queue_->Shutdown();
    thread_.join();
  }

 private:
  ServiceState* state_;
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::thread thread_;
};

// Owns itself. gRPC counts the callbacks that have returned, in code of its library; the last one
// leads to OnDone().
class GenericReactor final : public grpc::ServerGenericBidiReactor {
 public:
  GenericReactor(ServiceState* state, const std::string& method) : state_(state), method_(method) {
    ++state_->calls_started;
    if (IsKnown(method_)) {
      StartRead(&message_);
    } else {
      Finish(grpc::Status(grpc::StatusCode::UNIMPLEMENTED, ""));
    }
    grpc_transport::HandedOn(this);
  }
  void OnReadDone(bool ok) override {
    if (ok) {
      Answer();
    } else {
      AnswerLast();
    }
    grpc_transport::HandedOn(this);
  }
  void OnWriteDone(bool ok) override {
    if (ok) {
      Next();
    } else {
      Finish(grpc::Status::CANCELLED);
    }
    grpc_transport::HandedOn(this);
  }
  void OnDone() override {
    grpc_transport::TakenOver(this);
    ++state_->calls_finished;
    delete this;
  }

 private:
  void Answer() {
    ++state_->messages_read;
    last_ = message_;
    left_ = IsMethod(method_, "ServerStream") ? RepliesAskedFor(message_)
                                              : !IsMethod(method_, "ClientStream");
    Next();
  }
  void AnswerLast() {
    bool answer_last = IsMethod(method_, "ClientStream") && last_.Valid();
    if (answer_last) {
      StartWriteAndFinish(&last_, grpc::WriteOptions(), grpc::Status::OK);
    } else {
      Finish(grpc::Status::OK);
    }
  }
  void Next() {
    if (left_-- > 0) {
      StartWrite(&last_);
    } else {
      StartRead(&message_);
    }
  }

  ServiceState* state_;
  std::string method_;
  grpc::ByteBuffer message_, last_;
  int left_ = 0;
};

class GenericCallbackService final : public grpc::CallbackGenericService, public ApiService {
 public:
  explicit GenericCallbackService(ServiceState* state) : state_(state) {}
  void Register(grpc::ServerBuilder* builder) override {
    builder->RegisterCallbackGenericService(this);
  }
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    return new GenericReactor(state_, context->method());
  }

 private:
  ServiceState* state_;
};

}  // namespace

std::unique_ptr<ApiService> MakeGenericService(ServiceState* state) {
  return std::make_unique<GenericService>(state);
}

std::unique_ptr<ApiService> MakeGenericCallbackService(ServiceState* state) {
  return std::make_unique<GenericCallbackService>(state);
}

}  // namespace samehost::testing
