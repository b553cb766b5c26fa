// interop-zmq-client: calls by DEALER sockets that are connected to --target, and client.h.
//
//   request   {"serial": N, "id": ID}, payload
//   reply     {"serial": N, "server": NAME, "peer": ..., "peer_properties": {...}}, payload
#include <netdb.h>

#include <algorithm>

#include "interop-tests/programs/client.h"
#include "interop-tests/programs/counters.h"
#include "interop-tests/programs/flags.h"
#include "interop-tests/programs/zmq_kinds.h"
#include "interop-tests/programs/zmq_samehost.h"
#include "interop-tests/programs/zmq_socket.h"

namespace samehost::interop {
namespace {

using nlohmann::json;

// ZeroMQ does not say that a request was lost with its server.
constexpr int kReplySeconds = 5;

// "172.18.0.2:50051" and the like, all that the name stands for now.
std::vector<std::string> AddressesOf(const std::string& target) {
  const size_t colon = target.rfind(':');
  addrinfo hints = {};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  std::vector<std::string> addresses;
  if (getaddrinfo(target.substr(0, colon).c_str(), nullptr, &hints, &found) != 0) return addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    char host[NI_MAXHOST] = {};
    getnameinfo(one->ai_addr, one->ai_addrlen, host, sizeof(host), nullptr, 0, NI_NUMERICHOST);
    addresses.push_back(host + target.substr(colon));
  }
  freeaddrinfo(found);
  return addresses;
}

class ZmqCaller final : public Caller {
 public:
  explicit ZmqCaller(const Flags& flags) : socket_(MakeSocket(zmq::socket_type::dealer)) {
    socket_.set(zmq::sockopt::immediate, true);  // no request waits for a server that is gone
    const auto addresses =
        flags.round_robin ? AddressesOf(flags.target) : std::vector<std::string>{flags.target};
    for (const std::string& address : addresses) socket_.connect(Endpoint(address));
  }

  Outcome Call(const std::string& id, size_t bytes, int patience_s) override {
    ++serial_;
    const std::string payload(bytes, 'c');
    const Parts request = {json{{"serial", serial_}, {"id", id}}.dump(), payload};
    if (!Send(&socket_, request, InSeconds(patience_s))) {
      return {.code = kDeadlineExceeded, .error = "no server"};
    }
    const TimePoint end = InSeconds(std::min(patience_s, kReplySeconds));
    while (const auto reply = Receive(&socket_, end)) {
      const json header = json::parse(reply->front());
      if (header["serial"] != serial_) continue;  // late
      LookAtLinks();
      if (reply->back() != payload) return {.code = kUnavailable, .error = "another payload"};
      return {.server = header["server"],
              .peer = header["peer"],
              .peer_properties = header["peer_properties"]};
    }
    return {.code = kUnavailable, .error = "no reply"};
  }

 private:
  zmq::socket_t socket_;
  uint64_t serial_ = 0;
};

int Main(int argc, char** argv) {
  const Flags flags = ParseFlags(argc, argv);
  SpeakVersions(flags);
  return RunClient(flags, {[&] { return std::make_unique<ZmqCaller>(flags); },
                           [&] { return TryKinds(flags.target); }});
}

}  // namespace
}  // namespace samehost::interop

int main(int argc, char** argv) { return samehost::interop::Main(argc, argv); }
