// Cap'n Proto RPC over a pair of unix stream sockets: each end offers the other a Sink, and a
// message is a streaming call of its only method, with the flow control that the library has for
// these. Whoever keeps the bytes beyond the call, as here until Receive, copies them.
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>
#include <sys/socket.h>

#include <deque>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/adapters/socket_pair.h"
#include "sink.capnp.h"

namespace samehost::bench::menu {
namespace {

using Bytes = std::vector<std::byte>;

// What has come and not been received yet. One thread: all runs in the event loop of the channel.
struct Inbox {
  std::deque<Bytes> messages{};
  bool gone = false;
  kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> waiting = nullptr;

  void Wake() {
    KJ_IF_MAYBE (fulfiller, waiting) {
      (*fulfiller)->fulfill();
      waiting = nullptr;
    }
  }
};

class SinkServer final : public Sink::Server {
 public:
  explicit SinkServer(Inbox& inbox) : inbox_(inbox) {}
  kj::Promise<void> push(PushContext context) override {
    const auto body = context.getParams().getBody();
    const auto* bytes = reinterpret_cast<const std::byte*>(body.begin());
    inbox_.messages.emplace_back(bytes, bytes + body.size());
    inbox_.Wake();
    return kj::READY_NOW;
  }

 private:
  Inbox& inbox_;
};

capnp::rpc::twoparty::Side SideOf(Role role) {
  return role == Role::kServer ? capnp::rpc::twoparty::Side::SERVER
                               : capnp::rpc::twoparty::Side::CLIENT;
}

// Knows whether everything that was written to it has left.
class CountingStream final : public kj::AsyncIoStream {
 public:
  explicit CountingStream(kj::Own<kj::AsyncIoStream> inner) : inner_(kj::mv(inner)) {}

  kj::Promise<size_t> tryRead(void* buffer, size_t least, size_t most) override {
    return inner_->tryRead(buffer, least, most);
  }
  kj::Promise<void> write(const void* buffer, size_t size) override {
    return Count(inner_->write(buffer, size));
  }
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override {
    return Count(inner_->write(pieces));
  }
  kj::Promise<void> whenWriteDisconnected() override { return inner_->whenWriteDisconnected(); }
  void shutdownWrite() override { inner_->shutdownWrite(); }

  // Turns the loop until all has left.
  void Flush(kj::WaitScope& scope) {
    for (scope.poll(); writing_ > 0; scope.poll()) {
      auto pair = kj::newPromiseAndFulfiller<void>();
      left_ = kj::mv(pair.fulfiller);
      pair.promise.wait(scope);
    }
  }

 private:
  kj::Promise<void> Count(kj::Promise<void> write) {
    ++writing_;
    return write.attach(kj::defer([this] {
      --writing_;
      KJ_IF_MAYBE (fulfiller, left_) {
        (*fulfiller)->fulfill();
        left_ = nullptr;
      }
    }));
  }

  kj::Own<kj::AsyncIoStream> inner_;
  int writing_ = 0;
  kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> left_ = nullptr;
};

class CapnpChannel final : public Channel {
 public:
  CapnpChannel(Role role, UniqueFd socket)
      : io_(kj::setupAsyncIo()),
        stream_(io_.lowLevelProvider->wrapSocketFd(socket.Release(),
                                                   kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP)),
        network_(stream_, SideOf(role)),
        rpc_(capnp::makeRpcServer(network_, kj::heap<SinkServer>(inbox_))),
        other_(nullptr),
        watch_(network_.onDisconnect()
                   .then([this] {
                     inbox_.gone = true;
                     inbox_.Wake();
                   })
                   .eagerlyEvaluate(nullptr)) {
    capnp::MallocMessageBuilder memory;
    auto id = memory.initRoot<capnp::rpc::twoparty::VatId>();
    id.setSide(SideOf(role == Role::kServer ? Role::kClient : Role::kServer));
    other_ = rpc_.bootstrap(id).castAs<Sink>();
  }

  // Its members' destructors may throw, by their declaration.
  ~CapnpChannel() noexcept override {}

  void Send(std::span<const std::byte> message) override {
    Guard([&] {
      auto request =
          other_.pushRequest(capnp::MessageSize{message.size() / sizeof(capnp::word) + 16, 0});
      request.setBody(
          kj::arrayPtr(reinterpret_cast<const kj::byte*>(message.data()), message.size()));
      request.send().wait(io_.waitScope);
      // SUBTLE: the promise says that there is room in the window, not that the bytes have left,
      // and nobody turns the loop again before the next call.
      stream_.Flush(io_.waitScope);
    });
  }

  std::span<const std::byte> Receive() override {
    Guard([&] {
      while (inbox_.messages.empty()) {
        if (inbox_.gone) throw PeerGone();
        auto pair = kj::newPromiseAndFulfiller<void>();
        inbox_.waiting = kj::mv(pair.fulfiller);
        pair.promise.wait(io_.waitScope);
      }
      stream_.Flush(io_.waitScope);  // the answers to the calls that were taken here
    });
    current_ = std::move(inbox_.messages.front());
    inbox_.messages.pop_front();
    return current_;
  }

 private:
  template <typename Work>
  void Guard(Work work) {
    try {
      work();
    } catch (const kj::Exception& exception) {
      if (exception.getType() == kj::Exception::Type::DISCONNECTED) throw PeerGone();
      throw BenchFailure(exception.getDescription().cStr());
    }
  }

  Inbox inbox_;
  kj::AsyncIoContext io_;
  CountingStream stream_;
  capnp::TwoPartyVatNetwork network_;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc_;
  Sink::Client other_;
  kj::Promise<void> watch_;
  Bytes current_;
};

}  // namespace

ChannelPtr OpenCapnp(const Place& place) {
  return std::make_unique<CapnpChannel>(place.role, ConnectedUnixSocket(place, SOCK_STREAM));
}

}  // namespace samehost::bench::menu
