// The callback API: reactors that drive one call each, and a thread that waits for their OnDone.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/client_callback.h>

#include <condition_variable>
#include <mutex>

#include "plugin/tests/behaviour.grpc.pb.h"
#include "plugin/tests/harness/caller.h"
#include "plugin/tests/harness/generic_message.h"

namespace samehost::testing {
namespace {

using behaviour::Behaviour;
using behaviour::Reply;
using behaviour::Request;

class Done {
 public:
  void Set(grpc::Status status) {
    std::lock_guard<std::mutex> lock(mutex_);
    status_ = std::move(status);
    done_ = true;
    changed_.notify_all();
  }
  grpc::Status Wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
    return status_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  grpc::Status status_;
};

class UnaryReactor final : public grpc::ClientUnaryReactor {
 public:
  void OnDone(const grpc::Status& status) override { done.Set(status); }
  Done done;
};

class WriteReactor final : public grpc::ClientWriteReactor<Request> {
 public:
  explicit WriteReactor(const std::vector<Request>& requests) : requests_(requests) {}
  void OnWriteDone(bool ok) override { Next(ok); }
  void OnDone(const grpc::Status& status) override { done.Set(status); }
  void Next(bool ok) {
    if (ok && at_ < requests_.size()) {
      StartWrite(&requests_[at_++]);
    } else if (ok) {
      StartWritesDone();
    }
  }
  Done done;

 private:
  const std::vector<Request>& requests_;
  size_t at_ = 0;
};

class ReadReactor final : public grpc::ClientReadReactor<Reply> {
 public:
  void OnReadDone(bool ok) override {
    if (!ok) return;
    replies.push_back(reply);
    StartRead(&reply);
  }
  void OnDone(const grpc::Status& status) override { done.Set(status); }
  Reply reply;
  std::vector<Reply> replies;
  Done done;
};

// Writes, and for a two-way stream reads a reply after each write; then half-closes and reads on.
template <typename Out, typename In>
class StreamReactor final : public grpc::ClientBidiReactor<Out, In> {
 public:
  StreamReactor(std::vector<Out> out, bool alternate)
      : out_(std::move(out)), alternate_(alternate) {}
  void Begin() {
    this->StartCall();
    WriteNext();
  }
  void OnWriteDone(bool ok) override {
    if (!ok) {
      Drain();
    } else if (alternate_) {
      this->StartRead(&in_);
    } else {
      WriteNext();
    }
  }
  void OnWritesDoneDone(bool) override { Drain(); }
  void OnReadDone(bool ok) override {
    if (!ok) return;
    received.push_back(in_);
    if (draining_) {
      this->StartRead(&in_);
    } else {
      WriteNext();
    }
  }
  void OnDone(const grpc::Status& status) override { done.Set(status); }
  std::vector<In> received;
  Done done;

 private:
  void WriteNext() {
    if (at_ < out_.size()) {
      this->StartWrite(&out_[at_++]);
    } else {
      this->StartWritesDone();
    }
  }
  void Drain() {
    draining_ = true;
    this->StartRead(&in_);
  }

  std::vector<Out> out_;
  bool alternate_;
  bool draining_ = false;
  size_t at_ = 0;
  In in_;
};

class CallbackCaller final : public Caller {
 public:
  explicit CallbackCaller(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {}

  Outcome Call(RpcKind kind, grpc::ClientContext* context,
               const std::vector<Request>& requests) override {
    switch (kind) {
      case RpcKind::kUnary: {
        UnaryReactor reactor;
        Reply reply;
        stub_.async()->Unary(context, &requests[0], &reply, &reactor);
        reactor.StartCall();
        return OneReply(reactor.done.Wait(), reply);
      }
      case RpcKind::kClientStream: {
        WriteReactor reactor(requests);
        Reply reply;
        stub_.async()->ClientStream(context, &reply, &reactor);
        reactor.Next(true);
        reactor.StartCall();
        return OneReply(reactor.done.Wait(), reply);
      }
      case RpcKind::kServerStream: {
        ReadReactor reactor;
        stub_.async()->ServerStream(context, &requests[0], &reactor);
        reactor.StartRead(&reactor.reply);
        reactor.StartCall();
        grpc::Status status = reactor.done.Wait();
        return {status, std::move(reactor.replies)};
      }
      default: {
        StreamReactor<Request, Reply> reactor(requests, true);
        stub_.async()->BidiStream(context, &reactor);
        reactor.Begin();
        grpc::Status status = reactor.done.Wait();
        return {status, std::move(reactor.received)};
      }
    }
  }

 private:
  static Outcome OneReply(const grpc::Status& status, const Reply& reply) {
    Outcome outcome{status, {}};
    if (status.ok()) outcome.replies.push_back(reply);
    return outcome;
  }

  Behaviour::Stub stub_;
};

class GenericCallbackCaller final : public Caller {
 public:
  explicit GenericCallbackCaller(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {}

  Outcome Call(RpcKind kind, grpc::ClientContext* context,
               const std::vector<Request>& requests) override {
    return kind == RpcKind::kUnary ? Unary(context, requests[0]) : Stream(kind, context, requests);
  }

 private:
  Outcome Unary(grpc::ClientContext* context, const Request& request) {
    Outcome outcome;
    grpc::ByteBuffer bytes = ToBytes(request), reply;
    Done done;
    stub_.UnaryCall(context, MethodPath(RpcKind::kUnary), {}, &bytes, &reply,
                    [&done](grpc::Status status) { done.Set(std::move(status)); });
    outcome.status = done.Wait();
    if (outcome.status.ok()) outcome.replies.push_back(FromBytes(&reply));
    return outcome;
  }

  Outcome Stream(RpcKind kind, grpc::ClientContext* context, const std::vector<Request>& requests) {
    std::vector<grpc::ByteBuffer> out;
    for (const Request& request : requests) out.push_back(ToBytes(request));
    StreamReactor<grpc::ByteBuffer, grpc::ByteBuffer> reactor(std::move(out),
                                                              kind == RpcKind::kBidiStream);
    stub_.PrepareBidiStreamingCall(context, MethodPath(kind), {}, &reactor);
    reactor.Begin();
    Outcome outcome;
    outcome.status = reactor.done.Wait();
    for (grpc::ByteBuffer& bytes : reactor.received) outcome.replies.push_back(FromBytes(&bytes));
    return outcome;
  }

  grpc::GenericStub stub_;
};

}  // namespace

std::unique_ptr<Caller> MakeCallbackCaller(const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<CallbackCaller>(channel);
}

std::unique_ptr<Caller> MakeGenericCallbackCaller(const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<GenericCallbackCaller>(channel);
}

}  // namespace samehost::testing
