#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>
#include <unistd.h>

#include "plugin/tests/behaviour.grpc.pb.h"
#include "plugin/tests/server/scripted_call.h"
#include "plugin/tests/server/services.h"

namespace samehost::testing {
namespace {

using behaviour::Reply;
using behaviour::Request;

// Each reactor owns itself: OnDone deletes it.
class UnaryReactor final : public grpc::ServerUnaryReactor {
 public:
  UnaryReactor(ServiceState* state, grpc::CallbackServerContext* context, const Request* request,
               Reply* reply)
      : call_(state, context) {
    call_.OnRequest(*request);
    *reply = call_.MakeReply(*request);
    Finish(call_.FinalStatus());
  }
  void OnDone() override {
    if (call_.script().exit_after_finish()) _exit(0);
    delete this;
  }

 private:
  ScriptedCall call_;
};

class ClientStreamReactor final : public grpc::ServerReadReactor<Request> {
 public:
  ClientStreamReactor(ServiceState* state, grpc::CallbackServerContext* context, Reply* reply)
      : call_(state, context), reply_(reply) {
    StartRead(&request_);
  }
  void OnReadDone(bool ok) override {
    if (ok) {
      call_.OnRequest(request_);
      last_.Swap(&request_);
      StartRead(&request_);
      return;
    }
    call_.NoteCancelled();
    *reply_ = call_.MakeReply(last_);
    Finish(call_.FinalStatus());
  }
  void OnDone() override { delete this; }

 private:
  ScriptedCall call_;
  Reply* reply_;
  Request request_, last_;
};

class ServerStreamReactor final : public grpc::ServerWriteReactor<Reply> {
 public:
  ServerStreamReactor(ServiceState* state, grpc::CallbackServerContext* context,
                      const Request* request)
      : call_(state, context) {
    call_.OnRequest(*request);
    reply_ = call_.MakeReply(*request);
    left_ = call_.script().replies();
    Next(true);
  }
  void OnWriteDone(bool ok) override { Next(ok); }
  void OnDone() override { delete this; }

 private:
  void Next(bool ok) {
    if (ok && left_-- > 0) {
      StartWrite(&reply_);
    } else {
      Finish(call_.FinalStatus());
    }
  }

  ScriptedCall call_;
  Reply reply_;
  int left_ = 0;
};

class BidiReactor final : public grpc::ServerBidiReactor<Request, Reply> {
 public:
  BidiReactor(ServiceState* state, grpc::CallbackServerContext* context)
      : state_(state), call_(state, context) {
    StartRead(&request_);
  }
  void OnReadDone(bool ok) override {
    if (!ok) {
      call_.NoteCancelled();
      Finish(call_.FinalStatus());
      return;
    }
    call_.OnRequest(request_);
    reply_ = call_.MakeReply(request_);
    StartWrite(&reply_);
  }
  void OnWriteDone(bool ok) override {
    if (ok) {
      StartRead(&request_);
    } else {
      Finish(call_.FinalStatus());
    }
  }
  void OnCancel() override { ++state_->calls_cancelled; }
  void OnDone() override {
    if (call_.script().exit_after_finish()) _exit(0);
    delete this;
  }

 private:
  ServiceState* state_;
  ScriptedCall call_;
  Request request_;
  Reply reply_;
};

class CallbackService final : public behaviour::Behaviour::CallbackService, public ApiService {
 public:
  explicit CallbackService(ServiceState* state) : state_(state) {}
  void Register(grpc::ServerBuilder* builder) override { builder->RegisterService(this); }

  grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context, const Request* request,
                                  Reply* reply) override {
    return new UnaryReactor(state_, context, request, reply);
  }
  grpc::ServerReadReactor<Request>* ClientStream(grpc::CallbackServerContext* context,
                                                 Reply* reply) override {
    return new ClientStreamReactor(state_, context, reply);
  }
  grpc::ServerWriteReactor<Reply>* ServerStream(grpc::CallbackServerContext* context,
                                                const Request* request) override {
    return new ServerStreamReactor(state_, context, request);
  }
  grpc::ServerBidiReactor<Request, Reply>* BidiStream(
      grpc::CallbackServerContext* context) override {
    return new BidiReactor(state_, context);
  }

 private:
  ServiceState* state_;
};

}  // namespace

std::unique_ptr<ApiService> MakeCallbackService(ServiceState* state) {
  return std::make_unique<CallbackService>(state);
}

}  // namespace samehost::testing
