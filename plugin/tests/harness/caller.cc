#include "plugin/tests/harness/caller.h"

#include "plugin/tests/behaviour.grpc.pb.h"

namespace samehost::testing {
namespace {

using behaviour::Behaviour;
using behaviour::Reply;
using behaviour::Request;

class SyncCaller final : public Caller {
 public:
  explicit SyncCaller(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {}

  Outcome Call(RpcKind kind, grpc::ClientContext* context,
               const std::vector<Request>& requests) override {
    Outcome outcome;
    Reply reply;
    switch (kind) {
      case RpcKind::kUnary:
        outcome.status = stub_.Unary(context, requests[0], &reply);
        if (outcome.status.ok()) outcome.replies.push_back(reply);
        break;
      case RpcKind::kClientStream: {
        auto writer = stub_.ClientStream(context, &reply);
        for (const Request& request : requests) writer->Write(request);
        writer->WritesDone();
        outcome.status = writer->Finish();
        if (outcome.status.ok()) outcome.replies.push_back(reply);
        break;
      }
      case RpcKind::kServerStream: {
        auto reader = stub_.ServerStream(context, requests[0]);
        while (reader->Read(&reply)) outcome.replies.push_back(reply);
        outcome.status = reader->Finish();
        break;
      }
      case RpcKind::kBidiStream: {
        auto stream = stub_.BidiStream(context);
        for (const Request& request : requests) {
          if (!stream->Write(request) || !stream->Read(&reply)) break;
          outcome.replies.push_back(reply);
        }
        stream->WritesDone();
        while (stream->Read(&reply)) outcome.replies.push_back(reply);
        outcome.status = stream->Finish();
        break;
      }
    }
    return outcome;
  }

 private:
  Behaviour::Stub stub_;
};

}  // namespace

const char* Name(RpcKind kind) {
  switch (kind) {
    case RpcKind::kUnary:
      return "Unary";
    case RpcKind::kClientStream:
      return "ClientStream";
    case RpcKind::kServerStream:
      return "ServerStream";
    case RpcKind::kBidiStream:
      return "BidiStream";
  }
  return "";
}

std::string MethodPath(RpcKind kind) {
  return std::string("/samehost.behaviour.Behaviour/") + Name(kind);
}

std::unique_ptr<Caller> MakeSyncCaller(const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<SyncCaller>(channel);
}

std::unique_ptr<Caller> MakeCaller(Api api, const std::shared_ptr<grpc::Channel>& channel) {
  switch (api) {
    case Api::kSync:
      return MakeSyncCaller(channel);
    case Api::kAsync:
      return MakeAsyncCaller(channel);
    case Api::kCallback:
      return MakeCallbackCaller(channel);
    case Api::kGeneric:
      return MakeGenericCaller(channel);
    case Api::kGenericCallback:
      return MakeGenericCallbackCaller(channel);
  }
  return nullptr;
}

}  // namespace samehost::testing
