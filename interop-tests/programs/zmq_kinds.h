// TryKinds: every pattern of ZeroMQ, between this process and the sockets of zmq_socket.h.
#ifndef SAMEHOST_INTEROP_TESTS_PROGRAMS_ZMQ_KINDS_H_
#define SAMEHOST_INTEROP_TESTS_PROGRAMS_ZMQ_KINDS_H_

#include <nlohmann/json.hpp>
#include <string>

namespace samehost::interop {

// {case: "ok" or what was wrong}. The clients in other languages try the same cases.
nlohmann::json TryKinds(const std::string& target);

}  // namespace samehost::interop

#endif  // SAMEHOST_INTEROP_TESTS_PROGRAMS_ZMQ_KINDS_H_
