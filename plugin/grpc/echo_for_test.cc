#include "plugin/grpc/echo_for_test.h"

#include <grpcpp/impl/codegen/client_unary_call.h>
#include <samehost/grpc.h>
#include <stdlib.h>

#include <chrono>
#include <utility>

#include "plugin/grpc/tsan.h"

namespace samehost::grpc_transport::testing {
namespace {

// The distribution's c-ares loses ten bytes with every look-up of a stock channel, which
// LeakSanitizer would hold against us. Before the first grpc_init.
[[maybe_unused]] const int g_native_resolver = setenv("GRPC_DNS_RESOLVER", "native", 0);

std::map<std::string, std::string> Properties(
    const std::shared_ptr<const grpc::AuthContext>& auth) {
  std::map<std::string, std::string> out;
  if (auth == nullptr) return out;
  for (auto it = auth->begin(); it != auth->end(); ++it) {
    const grpc::AuthProperty property = *it;
    out[std::string(property.first.data(), property.first.size())] =
        std::string(property.second.data(), property.second.size());
  }
  return out;
}

std::string ToText(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!buffer.Valid() || !buffer.Dump(&slices).ok()) return text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

}  // namespace

class EchoServer::Reactor final : public grpc::ServerGenericBidiReactor {
 public:
  Reactor() {
    StartRead(&message_);
    HandedOn(this);
  }
  void OnReadDone(bool ok) override {
    if (ok) {
      StartWriteAndFinish(&message_, grpc::WriteOptions(), grpc::Status::OK);
    } else {
      Finish(grpc::Status::OK);
    }
    HandedOn(this);
  }
  // gRPC counts the callbacks that have returned; the last one leads here.
  void OnDone() override {
    TakenOver(this);
    delete this;
  }

 private:
  grpc::ByteBuffer message_;
};

class EchoServer::Service final : public grpc::CallbackGenericService {
 public:
  explicit Service(EchoServer* owner) : owner_(owner) {}

 private:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    Seen seen;
    seen.peer = context->peer();
    const auto auth = context->auth_context();
    seen.authenticated = auth != nullptr && auth->IsPeerAuthenticated();
    seen.auth_properties = Properties(auth);
    for (const auto& [key, value] : context->client_metadata()) {
      seen.metadata[std::string(key.data(), key.size())] = std::string(value.data(), value.size());
    }
    {
      std::lock_guard lock(owner_->mutex_);
      owner_->last_ = std::move(seen);
    }
    return new Reactor();
  }

  EchoServer* const owner_;
};

EchoServer::EchoServer(const std::string& address,
                       std::shared_ptr<grpc::ServerCredentials> credentials,
                       const std::function<void(grpc::ServerBuilder*)>& more)
    : service_(std::make_unique<Service>(this)) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address, std::move(credentials), &port_);
  builder.RegisterCallbackGenericService(service_.get());
  if (more) more(&builder);
  server_ = builder.BuildAndStart();
}

EchoServer::~EchoServer() { Shutdown(); }

Seen EchoServer::last() const {
  std::lock_guard lock(mutex_);
  return last_;
}

void EchoServer::Shutdown() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

EchoResult Echo(const std::shared_ptr<grpc::Channel>& channel, const std::string& payload,
                const std::function<void(grpc::ClientContext*)>& with) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  context.set_wait_for_ready(true);
  if (with) with(&context);
  const grpc::Slice slice(payload);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  const grpc::internal::RpcMethod method("/samehost.test/Echo",
                                         grpc::internal::RpcMethod::NORMAL_RPC, channel);
  EchoResult result;
  result.status =
      grpc::internal::BlockingUnaryCall(channel.get(), method, &context, request, &response);
  result.reply = ToText(response);
  result.peer = context.peer();
  result.auth_properties = Properties(context.auth_context());
  return result;
}

grpc::ChannelArguments OwnSubchannels() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

std::string ReasonFor(const std::string& address) {
  for (const FallbackInfo& info : RecentFallbacks()) {
    if (info.address == address) return info.reason;
  }
  return "";
}

std::string DetailFor(const std::string& address) {
  for (const FallbackInfo& info : RecentFallbacks()) {
    if (info.address == address) return info.detail;
  }
  return "";
}

}  // namespace samehost::grpc_transport::testing
