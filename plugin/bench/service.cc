#include "plugin/bench/service.h"

#include <thread>

#include "plugin/bench/payload.h"

namespace samehost::bench {
namespace {

bool Receive(ServiceCounters& counters, const Payload& request) {
  // relaxed: totals, read while no call is under way.
  counters.messages.fetch_add(1, std::memory_order_relaxed);
  if (CheckBodyAsServer(request.body())) return true;
  counters.payload_errors.fetch_add(1, std::memory_order_relaxed);
  return false;
}

grpc::Status Answer(ServiceCounters& counters, const Payload* request, Payload* response) {
  if (!Receive(counters, *request)) {
    return {grpc::StatusCode::DATA_LOSS, "the server received a wrong payload"};
  }
  // gRPC owns the request, never declares it const and has no further use for it.
  response->mutable_body()->swap(*const_cast<Payload*>(request)->mutable_body());
  return grpc::Status::OK;
}

class SyncService final : public Bench::Service {
 public:
  SyncService(ServiceCounters& counters, std::chrono::microseconds wait)
      : counters_(counters), wait_(wait) {}

  grpc::Status Unary(grpc::ServerContext*, const Payload* request, Payload* response) override {
    if (wait_.count() > 0) std::this_thread::sleep_for(wait_);
    return Answer(counters_, request, response);
  }

  grpc::Status Stream(grpc::ServerContext*,
                      grpc::ServerReaderWriter<Payload, Payload>* stream) override {
    Payload message;
    while (stream->Read(&message)) {
      if (!Receive(counters_, message)) {
        return {grpc::StatusCode::DATA_LOSS, "the server received a wrong payload"};
      }
      if (!stream->Write(message)) break;
    }
    return grpc::Status::OK;
  }

 private:
  ServiceCounters& counters_;
  const std::chrono::microseconds wait_;
};

class CallbackService final : public Bench::CallbackService {
 public:
  explicit CallbackService(ServiceCounters& counters) : counters_(counters) {}

  grpc::ServerUnaryReactor* Unary(grpc::CallbackServerContext* context, const Payload* request,
                                  Payload* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(Answer(counters_, request, response));
    return reactor;
  }

 private:
  ServiceCounters& counters_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeSyncService(ServiceCounters& counters,
                                               std::chrono::microseconds wait) {
  return std::make_unique<SyncService>(counters, wait);
}

std::unique_ptr<grpc::Service> MakeCallbackService(ServiceCounters& counters) {
  return std::make_unique<CallbackService>(counters);
}

}  // namespace samehost::bench
