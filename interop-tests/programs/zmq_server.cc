// interop-zmq-server: answers the calls of zmq_client.cc and does what zmq_socket.h says of its
// sockets. Prints {"listening": [ADDRESS...]} when it does, and ends at SIGTERM.
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "interop-tests/programs/flags.h"
#include "interop-tests/programs/journal.h"
#include "interop-tests/programs/zmq_samehost.h"
#include "interop-tests/programs/zmq_socket.h"

namespace samehost::interop {
namespace {

using nlohmann::json;
using Type = zmq::socket_type;

volatile std::sig_atomic_t ended = 0;

class Service {
 public:
  explicit Service(const Flags& flags) : name_(flags.name), journal_(flags.journal) {
    for (const Type type :
         {Type::router, Type::rep, Type::pull, Type::push, Type::xsub, Type::xpub, Type::pair}) {
      sockets_.push_back(MakeSocket(type));
      sockets_.back().set(zmq::sockopt::ipv6, flags.listen.front().front() == '[');
    }
    for (const std::string& address : flags.listen) {
      const bool is_unix = address.rfind("unix:", 0) == 0;
      const size_t count = is_unix ? 1 : sockets_.size();
      for (size_t i = 0; i < count; ++i) {
        sockets_[i].bind(Endpoint(address, static_cast<PortAfter>(i)));
      }
    }
  }

  void Serve() {
    std::vector<zmq::pollitem_t> items;
    for (zmq::socket_t& socket : sockets_) {
      items.push_back({socket.handle(), 0, ZMQ_POLLIN, 0});
    }
    items[kPush].events = 0;  // is never to be read
    while (ended == 0) {
      arrivals_.Begin();
      try {
        zmq::poll(items, std::chrono::milliseconds(-1));
      } catch (const zmq::error_t& error) {
        if (error.num() != EINTR) throw;
        continue;
      }
      if ((items[kRouter].revents & ZMQ_POLLIN) != 0) Answer();
      for (const auto& [from, to] : kWays) {
        if ((items[from].revents & ZMQ_POLLIN) != 0) Pass(&sockets_[from], &sockets_[to]);
      }
    }
  }

 private:
  static constexpr std::pair<PortAfter, PortAfter> kWays[] = {
      {kRep, kRep}, {kPull, kPush}, {kXsub, kXpub}, {kXpub, kXsub}, {kPair, kPair}};

  static void Pass(zmq::socket_t* from, zmq::socket_t* to) {
    const auto parts = Receive(from, InSeconds(0));
    // A receiver may have gone: what it was to get is lost.
    if (parts) (void)Send(to, *parts, InSeconds(10));
  }

  // Routing id, request, payload.
  void Answer() {
    zmq::socket_t& router = sockets_[kRouter];
    zmq::message_t id, request, payload;
    if (!router.recv(id) || !router.recv(request) || !router.recv(payload)) return;
    json reply = arrivals_.End();
    if (reply.empty())
      reply = {{"peer", SocketName(&request)}, {"peer_properties", json::object()}};
    const json asked = json::parse(request.to_string());
    journal_.Add(asked.value("id", ""));
    reply["serial"] = asked["serial"];
    reply["server"] = name_;
    router.send(id, zmq::send_flags::sndmore);
    router.send(zmq::buffer(reply.dump()), zmq::send_flags::sndmore);
    router.send(payload, zmq::send_flags::none);
  }

  // As gRPC's context->peer().
  static std::string SocketName(zmq::message_t* message) {
    const char* address = message->gets("Peer-Address");
    const std::string text = address != nullptr ? address : "";
    if (text.rfind("localhost", 0) == 0 || text.empty())
      return "unix:";  // and what the kernel says
    return (text.find('.') != std::string::npos ? "ipv4:" : "ipv6:") + text;
  }

  const std::string name_;
  Journal journal_;
  std::vector<zmq::socket_t> sockets_;  // by PortAfter
  Arrivals arrivals_;
};

int Main(int argc, char** argv) {
  const Flags flags = ParseFlags(argc, argv);
  SpeakVersions(flags);
  struct sigaction action = {};
  action.sa_handler = [](int) { ended = 1; };
  sigaction(SIGTERM, &action, nullptr);
  Service service(flags);
  printf("%s\n", json{{"listening", flags.listen}}.dump().c_str());
  fflush(stdout);
  service.Serve();
  return 0;
}

}  // namespace
}  // namespace samehost::interop

int main(int argc, char** argv) { return samehost::interop::Main(argc, argv); }
