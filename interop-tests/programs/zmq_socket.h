// Sockets of the ZeroMQ programs, and messages of them.
#ifndef SAMEHOST_INTEROP_TESTS_PROGRAMS_ZMQ_SOCKET_H_
#define SAMEHOST_INTEROP_TESTS_PROGRAMS_ZMQ_SOCKET_H_

#include <chrono>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

namespace samehost::interop {

using Parts = std::vector<std::string>;
using TimePoint = std::chrono::steady_clock::time_point;

// The server's sockets are at the address that it is told (ROUTER, for calls) and, over TCP, at the
// ports after it. Each does with a message what is said here.
enum PortAfter : int {
  kRouter = 0,
  kRep = 1,   // echoes
  kPull = 2,  // gives it to kPush
  kPush = 3,
  kXsub = 4,  // gives it to kXpub, which gives subscriptions to kXsub
  kXpub = 5,
  kPair = 6,  // echoes
};

// "host:port" and "unix:/path", as the programs are told, in ZeroMQ's words.
std::string Endpoint(const std::string& address, PortAfter after = kRouter);

// With no lingering, and connections that are tried anew soon.
zmq::socket_t MakeSocket(zmq::socket_type type);

// False: not within the time.
bool Send(zmq::socket_t* socket, const Parts& parts, TimePoint end);
std::optional<Parts> Receive(zmq::socket_t* socket, TimePoint end);
inline TimePoint InSeconds(int seconds) {
  return std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
}

}  // namespace samehost::interop

#endif  // SAMEHOST_INTEROP_TESTS_PROGRAMS_ZMQ_SOCKET_H_
