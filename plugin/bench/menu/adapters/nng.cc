// nng: a pair of pair0 sockets.
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

#include "plugin/bench/menu/adapters/adapters.h"

namespace samehost::bench::menu {
namespace {

void Require(int result, const char* operation) {
  if (result == 0) return;
  if (result == NNG_ECLOSED || result == NNG_ECONNSHUT) throw PeerGone();
  throw BenchFailure(std::string(operation) + ": " + ::nng_strerror(result));
}

class NngChannel final : public Channel {
 public:
  NngChannel(const Place& place, const std::string& url) : peer_(place.peer) {
    Require(::nng_pair0_open(&socket_), "nng_pair0_open");
    // Unlimited; the default is 1 MiB.
    Require(::nng_socket_set_size(socket_, NNG_OPT_RECVMAXSZ, 0), "NNG_OPT_RECVMAXSZ");
    if (place.server()) {
      Require(::nng_listen(socket_, url.c_str(), nullptr, 0), "nng_listen");
      place.peer.Meet();
    } else {
      place.peer.Meet();
      Require(::nng_dial(socket_, url.c_str(), nullptr, 0), "nng_dial");
    }
    // nng waits for a new peer when one has gone.
    peer_.Watch([this] { ::nng_close(socket_); });
  }
  ~NngChannel() override {
    peer_.StopWatch();
    if (received_ != nullptr) ::nng_msg_free(received_);
    ::nng_close(socket_);
  }

  void Send(std::span<const std::byte> message) override {
    Require(::nng_send(socket_, const_cast<std::byte*>(message.data()), message.size(), 0),
            "nng_send");
  }
  std::span<const std::byte> Receive() override {
    if (received_ != nullptr) ::nng_msg_free(received_);
    received_ = nullptr;
    Require(::nng_recvmsg(socket_, &received_, 0), "nng_recvmsg");
    return {static_cast<const std::byte*>(::nng_msg_body(received_)), ::nng_msg_len(received_)};
  }

 private:
  Peer& peer_;
  nng_socket socket_ = NNG_SOCKET_INITIALIZER;
  nng_msg* received_ = nullptr;
};

}  // namespace

ChannelPtr OpenNngIpc(const Place& place) {
  return std::make_unique<NngChannel>(place, "ipc://" + place.directory + "/nng");
}
ChannelPtr OpenNngInProcess(const Place& place) {
  return std::make_unique<NngChannel>(place, "inproc://menu");
}

}  // namespace samehost::bench::menu
