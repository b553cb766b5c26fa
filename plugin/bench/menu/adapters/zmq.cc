// ZeroMQ: a pair of DEALER sockets with default options. The same program for the stock rows and
// for samehost's, which differ in the libzmq.so.5 that it is started with.
#include <zmq.h>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/zmq_links.h"

namespace samehost::bench::menu {
namespace {

enum class Way { kTcp, kIpc, kInProcess, kSamehost };

[[noreturn]] void FailZmq(const char* operation) {
  if (errno == ETERM) throw PeerGone();
  throw BenchFailure(std::string(operation) + ": " + ::zmq_strerror(errno));
}

// Of this process; both ends share it in-process. Never destroyed: a worker leaves by _exit.
void* Context() {
  static void* const context = ::zmq_ctx_new();
  return context;
}

std::string EndpointFor(Way way, const Place& place) {
  switch (way) {
    case Way::kTcp:
      return "tcp://127.0.0.1:*";
    case Way::kIpc:
      return "ipc://" + place.directory + "/zmq";
    case Way::kInProcess:
      return "inproc://menu";
    case Way::kSamehost:
      return "shm://*";
  }
  return {};
}

class ZmqChannel final : public Channel {
 public:
  ZmqChannel(const Place& place, Way way) : peer_(place.peer), way_(way) {
    socket_ = ::zmq_socket(Context(), ZMQ_DEALER);
    if (socket_ == nullptr) FailZmq("zmq_socket");
    ::zmq_msg_init(&received_);
    if (place.server()) {
      Bind(place);
    } else if (::zmq_connect(socket_, place.peer.ReceiveText().c_str()) != 0) {
      FailZmq("zmq_connect");
    }
    // ZeroMQ waits for a new peer when one has gone.
    peer_.Watch([] { ::zmq_ctx_shutdown(Context()); });
  }
  ~ZmqChannel() override {
    peer_.StopWatch();
    ::zmq_msg_close(&received_);
    ::zmq_close(socket_);
  }

  void Send(std::span<const std::byte> message) override {
    while (::zmq_send(socket_, message.data(), message.size(), 0) < 0) {
      if (errno != EINTR) FailZmq("zmq_send");
    }
    ++exchanged_;
  }

  std::span<const std::byte> Receive() override {
    while (::zmq_msg_recv(&received_, socket_, 0) < 0) {
      if (errno != EINTR) FailZmq("zmq_msg_recv");
    }
    ++exchanged_;
    return {static_cast<const std::byte*>(::zmq_msg_data(&received_)), ::zmq_msg_size(&received_)};
  }

  void Prove() override {
    const ZmqLinks links = FindZmqLinks();
    if (way_ != Way::kSamehost && links.count > 0) {
      throw ProofFailure("a stock row used shared memory");
    }
    if (way_ == Way::kSamehost && links.messages < exchanged_) {
      throw ProofFailure("of " + std::to_string(exchanged_) + " messages shared memory carried " +
                         std::to_string(links.messages));
    }
  }

 private:
  void Bind(const Place& place) {
    const std::string wanted = EndpointFor(way_, place);
    if (::zmq_bind(socket_, wanted.c_str()) != 0) FailZmq("zmq_bind");
    char endpoint[256];
    size_t size = sizeof(endpoint);
    ::zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, endpoint, &size);
    place.peer.SendText(endpoint);
  }

  Peer& peer_;
  const Way way_;
  void* socket_ = nullptr;
  zmq_msg_t received_;
  uint64_t exchanged_ = 0;  // sent and received
};

}  // namespace

ChannelPtr OpenZmqTcp(const Place& place) { return std::make_unique<ZmqChannel>(place, Way::kTcp); }
ChannelPtr OpenZmqIpc(const Place& place) { return std::make_unique<ZmqChannel>(place, Way::kIpc); }
ChannelPtr OpenZmqInProcess(const Place& place) {
  return std::make_unique<ZmqChannel>(place, Way::kInProcess);
}
ChannelPtr OpenZmqSamehost(const Place& place) {
  return std::make_unique<ZmqChannel>(place, Way::kSamehost);
}

}  // namespace samehost::bench::menu
