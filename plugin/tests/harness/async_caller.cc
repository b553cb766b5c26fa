// The completion-queue API, one operation after the other on a queue of the caller's own.
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include "plugin/tests/behaviour.grpc.pb.h"
#include "plugin/tests/harness/caller.h"
#include "plugin/tests/harness/generic_message.h"

namespace samehost::testing {
namespace {

using behaviour::Behaviour;
using behaviour::Reply;
using behaviour::Request;

// Runs one operation to its end on a private queue.
class Queue {
 public:
  template <typename Start>
  bool Run(Start start) {
    start(this);
    void* tag;
    bool ok = false;
    queue_.Next(&tag, &ok);
    return ok;
  }
  grpc::CompletionQueue* get() { return &queue_; }

 private:
  grpc::CompletionQueue queue_;
};

class AsyncCaller final : public Caller {
 public:
  explicit AsyncCaller(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {}

  Outcome Call(RpcKind kind, grpc::ClientContext* context,
               const std::vector<Request>& requests) override {
    switch (kind) {
      case RpcKind::kUnary:
        return Unary(context, requests[0]);
      case RpcKind::kClientStream:
        return ClientStream(context, requests);
      case RpcKind::kServerStream:
        return ServerStream(context, requests[0]);
      default:
        return BidiStream(context, requests);
    }
  }

 private:
  Outcome Unary(grpc::ClientContext* context, const Request& request) {
    Outcome outcome;
    Reply reply;
    auto call = stub_.PrepareAsyncUnary(context, request, queue_.get());
    call->StartCall();
    queue_.Run([&](void* tag) { call->Finish(&reply, &outcome.status, tag); });
    if (outcome.status.ok()) outcome.replies.push_back(reply);
    return outcome;
  }

  Outcome ClientStream(grpc::ClientContext* context, const std::vector<Request>& requests) {
    Outcome outcome;
    Reply reply;
    auto call = stub_.PrepareAsyncClientStream(context, &reply, queue_.get());
    queue_.Run([&](void* tag) { call->StartCall(tag); });
    for (const Request& request : requests) {
      queue_.Run([&](void* tag) { call->Write(request, tag); });
    }
    queue_.Run([&](void* tag) { call->WritesDone(tag); });
    queue_.Run([&](void* tag) { call->Finish(&outcome.status, tag); });
    if (outcome.status.ok()) outcome.replies.push_back(reply);
    return outcome;
  }

  Outcome ServerStream(grpc::ClientContext* context, const Request& request) {
    Outcome outcome;
    auto call = stub_.PrepareAsyncServerStream(context, request, queue_.get());
    queue_.Run([&](void* tag) { call->StartCall(tag); });
    for (Reply reply; queue_.Run([&](void* tag) { call->Read(&reply, tag); });) {
      outcome.replies.push_back(reply);
    }
    queue_.Run([&](void* tag) { call->Finish(&outcome.status, tag); });
    return outcome;
  }

  Outcome BidiStream(grpc::ClientContext* context, const std::vector<Request>& requests) {
    Outcome outcome;
    Reply reply;
    auto call = stub_.PrepareAsyncBidiStream(context, queue_.get());
    queue_.Run([&](void* tag) { call->StartCall(tag); });
    for (const Request& request : requests) {
      if (!queue_.Run([&](void* tag) { call->Write(request, tag); })) break;
      if (!queue_.Run([&](void* tag) { call->Read(&reply, tag); })) break;
      outcome.replies.push_back(reply);
    }
    queue_.Run([&](void* tag) { call->WritesDone(tag); });
    while (queue_.Run([&](void* tag) { call->Read(&reply, tag); })) {
      outcome.replies.push_back(reply);
    }
    queue_.Run([&](void* tag) { call->Finish(&outcome.status, tag); });
    return outcome;
  }

  Behaviour::Stub stub_;
  Queue queue_;
};

// GenericStub: unary calls by its unary form, all others as bidirectional streams of bytes.
class GenericCaller final : public Caller {
 public:
  explicit GenericCaller(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {}

  Outcome Call(RpcKind kind, grpc::ClientContext* context,
               const std::vector<Request>& requests) override {
    return kind == RpcKind::kUnary ? Unary(context, requests[0]) : Stream(kind, context, requests);
  }

 private:
  Outcome Unary(grpc::ClientContext* context, const Request& request) {
    Outcome outcome;
    grpc::ByteBuffer reply;
    auto call = stub_.PrepareUnaryCall(context, MethodPath(RpcKind::kUnary), ToBytes(request),
                                       queue_.get());
    call->StartCall();
    queue_.Run([&](void* tag) { call->Finish(&reply, &outcome.status, tag); });
    if (outcome.status.ok()) outcome.replies.push_back(FromBytes(&reply));
    return outcome;
  }

  Outcome Stream(RpcKind kind, grpc::ClientContext* context, const std::vector<Request>& requests) {
    Outcome outcome;
    grpc::ByteBuffer reply;
    auto call = stub_.PrepareCall(context, MethodPath(kind), queue_.get());
    queue_.Run([&](void* tag) { call->StartCall(tag); });
    for (const Request& request : requests) {
      grpc::ByteBuffer bytes = ToBytes(request);
      if (!queue_.Run([&](void* tag) { call->Write(bytes, tag); })) break;
      if (kind != RpcKind::kBidiStream) continue;
      if (!queue_.Run([&](void* tag) { call->Read(&reply, tag); })) break;
      outcome.replies.push_back(FromBytes(&reply));
    }
    queue_.Run([&](void* tag) { call->WritesDone(tag); });
    while (queue_.Run([&](void* tag) { call->Read(&reply, tag); })) {
      outcome.replies.push_back(FromBytes(&reply));
    }
    queue_.Run([&](void* tag) { call->Finish(&outcome.status, tag); });
    return outcome;
  }

  grpc::GenericStub stub_;
  Queue queue_;
};

}  // namespace

std::unique_ptr<Caller> MakeAsyncCaller(const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<AsyncCaller>(channel);
}

std::unique_ptr<Caller> MakeGenericCaller(const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<GenericCaller>(channel);
}

}  // namespace samehost::testing
