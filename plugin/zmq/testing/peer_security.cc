// The commands of zmq-test-peer for authentication.
#include <zmq.h>

#include <vector>

#include "plugin/zmq/testing/peer.h"

namespace samehost::zmq_transport::testing {
namespace {

// The parts of a request: version, id, domain, address, routing id, mechanism, credentials.
using Request = std::vector<std::string>;
constexpr size_t kDomain = 2, kMechanism = 5, kCredentials = 6;

std::string client_key;  // binary; who else comes with CURVE is refused

// Who it is; "" when it is not let in.
std::string Judge(const Request& request) {
  if (request.size() <= kMechanism) return "";
  const std::string& mechanism = request[kMechanism];
  if (mechanism == "NULL") return request[kDomain] == "open" ? "anybody" : "";
  if (request.size() <= kCredentials) return "";
  const std::string& first = request[kCredentials];
  if (mechanism == "CURVE") return first == client_key ? "keyholder" : "";
  const bool knows = request.size() > kCredentials + 1 && request[kCredentials + 1] == "secret";
  return mechanism == "PLAIN" && knows ? first : "";
}

bool ReadRequest(void* handler, Request* request) {
  int more = 1;
  while (more != 0) {
    char bytes[256];
    const int got = zmq_recv(handler, bytes, sizeof(bytes), 0);
    if (got < 0) return false;
    request->emplace_back(bytes, static_cast<size_t>(got));
    size_t size = sizeof(more);
    zmq_getsockopt(handler, ZMQ_RCVMORE, &more, &size);
  }
  return true;
}

void ServeZap(void* handler) {
  for (Request request; ReadRequest(handler, &request); request.clear()) {
    const std::string user = Judge(request);
    const std::string code = user.empty() ? "400" : "200";
    for (const std::string& part : {request[0], request[1], code, std::string("text"), user}) {
      zmq_send(handler, part.data(), part.size(), ZMQ_SNDMORE);
    }
    zmq_send(handler, "", 0, 0);
  }
  zmq_close(handler);
}

std::string StartZap(Words& words) {
  unsigned char key[32];
  if (zmq_z85_decode(key, words.Text().c_str()) != nullptr) {
    client_key.assign(reinterpret_cast<char*>(key), sizeof(key));
  }
  void* handler = zmq_socket(ThePeer().Context(), ZMQ_REP);
  if (zmq_bind(handler, "inproc://zeromq.zap.01") != 0) return Error();
  zmq_threadstart(&ServeZap, handler);
  return "ok";
}

std::string MakeKeys(Words&) {
  char open_key[41], secret_key[41];
  if (zmq_curve_keypair(open_key, secret_key) != 0) return Error();
  return std::string("keys ") + open_key + " " + secret_key;
}

}  // namespace

Commands SecurityCommands() { return {{"zap", StartZap}, {"keys", MakeKeys}}; }

}  // namespace samehost::zmq_transport::testing
