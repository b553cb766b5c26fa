#include "interop-tests/programs/zmq_socket.h"

#include <algorithm>

namespace samehost::interop {
namespace {

int MillisecondsTo(TimePoint end) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  return static_cast<int>(std::max<int64_t>(left.count(), 0));
}

zmq::context_t* Context() {
  static auto* context = new zmq::context_t;  // threads may still use it when the program ends
  return context;
}

}  // namespace

std::string Endpoint(const std::string& address, PortAfter after) {
  constexpr char kUnix[] = "unix:";
  if (address.rfind(kUnix, 0) == 0) return "ipc://" + address.substr(sizeof(kUnix) - 1);
  const size_t colon = address.rfind(':');
  const int port = std::stoi(address.substr(colon + 1)) + after;
  return "tcp://" + address.substr(0, colon + 1) + std::to_string(port);
}

zmq::socket_t MakeSocket(zmq::socket_type type) {
  zmq::socket_t socket(*Context(), type);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::connect_timeout, 1000);
  return socket;
}

bool Send(zmq::socket_t* socket, const Parts& parts, TimePoint end) {
  socket->set(zmq::sockopt::sndtimeo, MillisecondsTo(end));
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto more = i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none;
    if (!socket->send(zmq::buffer(parts[i]), more)) return false;
  }
  return true;
}

std::optional<Parts> Receive(zmq::socket_t* socket, TimePoint end) {
  socket->set(zmq::sockopt::rcvtimeo, MillisecondsTo(end));
  Parts parts;
  zmq::message_t part;
  do {
    if (!socket->recv(part)) return std::nullopt;
    parts.push_back(part.to_string());
  } while (part.more());
  return parts;
}

}  // namespace samehost::interop
