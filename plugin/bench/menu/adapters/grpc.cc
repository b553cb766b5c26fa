// gRPC: one bidirectional stream of the synchronous API, over which both ends write and read. The
// same code for the stock transports and, in the program that has it, for samehost.
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "plugin/bench/link_hooks.h"
#include "plugin/bench/menu/adapters/adapters.h"
#include "proto/bench.grpc.pb.h"

namespace samehost::bench::menu {
namespace {

enum class Way { kUnix, kTcp, kInProcess, kSamehost };

constexpr auto kConnectTimeout = std::chrono::seconds(20);

using ServerStream = grpc::ServerReaderWriter<Payload, Payload>;
using ClientStream = grpc::ClientReaderWriter<Payload, Payload>;

// Hands the stream of the one call to the channel's thread and keeps it open until that is done.
class HandOver final : public Bench::Service {
 public:
  grpc::Status Stream(grpc::ServerContext*, ServerStream* stream) override {
    std::unique_lock lock(mutex_);
    stream_ = stream;
    changed_.notify_all();
    changed_.wait(lock, [&] { return done_; });
    return grpc::Status::OK;
  }
  ServerStream* Await() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kConnectTimeout, [&] { return stream_ != nullptr; })) {
      throw BenchFailure("no gRPC stream came");
    }
    return stream_;
  }
  void LetGo() {
    const std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  ServerStream* stream_ = nullptr;
  bool done_ = false;
};

// What both ends have in common. The message to send lives in a Payload of its own, whose body is
// the application's buffer.
template <typename Stream>
class GrpcChannel : public Channel {
 public:
  explicit GrpcChannel(Way way) : way_(way) {}

  std::span<std::byte> Buffer(size_t size) override {
    std::string& body = *out_.mutable_body();
    if (body.size() != size) body.resize(size);
    return std::as_writable_bytes(std::span(body));
  }
  void Send(std::span<const std::byte>) override {
    if (!stream_->Write(out_)) throw PeerGone();
    ++sent_;
  }
  std::span<const std::byte> Receive() override {
    if (!stream_->Read(&in_)) throw PeerGone();
    ++received_;
    return std::as_bytes(std::span(in_.body()));
  }
  void Prove() override {
    const nlohmann::json link = LinkStatistics();
    const auto counted = [&](const char* name) { return link.value(name, uint64_t{0}); };
    const bool used = counted("messages_sent") > 0 || counted("messages_received") > 0;
    if (way_ != Way::kSamehost && used) throw ProofFailure("a stock row used shared memory");
    if (way_ != Way::kSamehost) return;
    if (counted("messages_sent") < sent_ || counted("messages_received") < received_) {
      throw ProofFailure("messages went another way than shared memory. " + DescribeFallbacks());
    }
  }

 protected:
  Stream* stream_ = nullptr;

 private:
  const Way way_;
  Payload out_, in_;
  uint64_t sent_ = 0, received_ = 0;
};

class ServerEnd final : public GrpcChannel<ServerStream> {
 public:
  ServerEnd(const Place& place, Way way) : GrpcChannel(way) {
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(-1);
    builder.RegisterService(&service_);
    std::string target = "unix:" + place.directory + "/grpc.sock";
    int port = 0;
    if (way == Way::kUnix) {
      builder.AddListeningPort(target, grpc::InsecureServerCredentials());
    } else if (way != Way::kInProcess) {
      builder.AddListeningPort(
          "127.0.0.1:0",
          way == Way::kSamehost ? SamehostServerCredentials() : grpc::InsecureServerCredentials(),
          &port);
    }
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) throw BenchFailure("the gRPC server did not start");
    if (port != 0) target = "127.0.0.1:" + std::to_string(port);
    in_this_process = server_.get();
    place.peer.SendText(target);
    stream_ = service_.Await();
  }
  ~ServerEnd() override {
    service_.LetGo();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  static inline grpc::Server* in_this_process = nullptr;

 private:
  HandOver service_;
  std::unique_ptr<grpc::Server> server_;
};

class ClientEnd final : public GrpcChannel<ClientStream> {
 public:
  ClientEnd(const Place& place, Way way) : GrpcChannel(way) {
    const std::string target = place.peer.ReceiveText();
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    channel_ =
        way == Way::kInProcess
            ? ServerEnd::in_this_process->InProcessChannel(arguments)
            : grpc::CreateCustomChannel(target,
                                        way == Way::kSamehost ? SamehostChannelCredentials()
                                                              : grpc::InsecureChannelCredentials(),
                                        arguments);
    if (way != Way::kInProcess &&
        !channel_->WaitForConnected(std::chrono::system_clock::now() + kConnectTimeout)) {
      throw BenchFailure("no gRPC connection");
    }
    stub_ = Bench::NewStub(channel_);
    owner_ = stub_->Stream(&context_);
    stream_ = owner_.get();
  }
  ~ClientEnd() override { context_.TryCancel(); }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<Bench::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<ClientStream> owner_;
};

ChannelPtr Open(const Place& place, Way way) {
  if (place.server()) return std::make_unique<ServerEnd>(place, way);
  return std::make_unique<ClientEnd>(place, way);
}

}  // namespace

ChannelPtr OpenGrpcUnix(const Place& place) { return Open(place, Way::kUnix); }
ChannelPtr OpenGrpcTcp(const Place& place) { return Open(place, Way::kTcp); }
ChannelPtr OpenGrpcInProcess(const Place& place) { return Open(place, Way::kInProcess); }
ChannelPtr OpenGrpcSamehost(const Place& place) { return Open(place, Way::kSamehost); }

}  // namespace samehost::bench::menu
