// zmq-test-peer: a process with one ZeroMQ socket, told on its standard input what to do, one line
// a command, and answering each with one line. The tests start it with the distribution's library
// or with ours; it uses libzmq's C API and nothing else.
//
//   socket TYPE                      set/set64 OPTION INT  settext OPTION TEXT
//   bind ENDPOINT                    connect ENDPOINT      unbind/disconnect ENDPOINT
//   send FIRST COUNT PARTS BYTES WAIT_MS   messages numbered from FIRST: "sent N"
//   recv COUNT WAIT_MS               "got N first F last L", or "got N" and what is wrong with the
//   next echo COUNT WAIT_MS               sends back what comes: "echoed N" text TEXT / gettext
//   WAIT_MS      one message as text property NAME WAIT_MS            a property of the next
//   message has WHAT   close LINGER_MS   term   quit
#include <unistd.h>
#include <zmq.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

void* context = nullptr;
void* zsocket = nullptr;

std::string Error() {
  return "error " + std::to_string(zmq_errno()) + " " + zmq_strerror(zmq_errno());
}
std::string OkOr(int rc) { return rc == 0 ? "ok" : Error(); }

const std::map<std::string, int> kTypes = {
    {"PAIR", ZMQ_PAIR}, {"PUB", ZMQ_PUB},       {"SUB", ZMQ_SUB},       {"REQ", ZMQ_REQ},
    {"REP", ZMQ_REP},   {"DEALER", ZMQ_DEALER}, {"ROUTER", ZMQ_ROUTER}, {"PULL", ZMQ_PULL},
    {"PUSH", ZMQ_PUSH}, {"XPUB", ZMQ_XPUB},     {"XSUB", ZMQ_XSUB},     {"STREAM", ZMQ_STREAM}};

// Byte `at` of part `part` of message `number`.
unsigned char Pattern(uint64_t number, int part, size_t at) {
  return static_cast<unsigned char>(number * 31 + part * 7 + at + (at >> 8) * 3);
}

void Fill(zmq_msg_t* message, uint64_t number, int part, size_t bytes) {
  auto* data = static_cast<unsigned char*>(zmq_msg_data(message));
  for (size_t i = 0; i < bytes; ++i) data[i] = Pattern(number, part, i);
  if (part == 0 && bytes >= 8) std::memcpy(data, &number, 8);
}

std::string Send(uint64_t first, uint64_t count, int parts, size_t bytes, int wait_ms) {
  zmq_setsockopt(zsocket, ZMQ_SNDTIMEO, &wait_ms, sizeof(wait_ms));
  uint64_t sent = 0;
  for (; sent < count; ++sent) {
    for (int part = 0; part < parts; ++part) {
      zmq_msg_t message;
      zmq_msg_init_size(&message, bytes);
      Fill(&message, first + sent, part, bytes);
      if (zmq_msg_send(&message, zsocket, part + 1 < parts ? ZMQ_SNDMORE : 0) < 0) {
        zmq_msg_close(&message);
        if (zmq_errno() == EAGAIN) return "sent " + std::to_string(sent);
        return Error();
      }
    }
  }
  return "sent " + std::to_string(sent);
}

std::string Receive(uint64_t count, int wait_ms) {
  zmq_setsockopt(zsocket, ZMQ_RCVTIMEO, &wait_ms, sizeof(wait_ms));
  uint64_t got = 0, first = 0, last = 0;
  for (; got < count; ++got) {
    uint64_t number = 0;
    for (int part = 0;; ++part) {
      zmq_msg_t message;
      zmq_msg_init(&message);
      if (zmq_msg_recv(&message, zsocket, 0) < 0) {
        const std::string so_far = "got " + std::to_string(got) + " first " +
                                   std::to_string(first) + " last " + std::to_string(last);
        return zmq_errno() == EAGAIN && part == 0 ? so_far
                                                  : "got " + std::to_string(got) + " " + Error();
      }
      auto* data = static_cast<unsigned char*>(zmq_msg_data(&message));
      const size_t bytes = zmq_msg_size(&message);
      size_t from = 0;
      if (part == 0 && bytes >= 8) {
        std::memcpy(&number, data, 8);
        from = 8;
      } else if (part == 0) {
        number = got == 0 ? 0 : last + 1;
      }
      for (size_t i = from; i < bytes; ++i) {
        if (bytes >= 8 && data[i] != Pattern(number, part, i)) {
          return "got " + std::to_string(got) + " torn at " + std::to_string(i);
        }
        data[i] = 0;  // what is received may be written to
      }
      const bool more = zmq_msg_more(&message) != 0;
      zmq_msg_close(&message);
      if (!more) break;
    }
    if (got == 0) first = number;
    last = number;
  }
  return "got " + std::to_string(got) + " first " + std::to_string(first) + " last " +
         std::to_string(last);
}

std::string Echo(uint64_t count, int wait_ms) {
  zmq_setsockopt(zsocket, ZMQ_RCVTIMEO, &wait_ms, sizeof(wait_ms));
  for (uint64_t done = 0; done < count; ++done) {
    std::vector<zmq_msg_t> parts;
    do {
      zmq_msg_init(&parts.emplace_back());
      if (zmq_msg_recv(&parts.back(), zsocket, 0) < 0) return "echoed " + std::to_string(done);
    } while (zmq_msg_more(&parts.back()) != 0);
    for (size_t i = 0; i < parts.size(); ++i) {
      if (zmq_msg_send(&parts[i], zsocket, i + 1 < parts.size() ? ZMQ_SNDMORE : 0) < 0)
        return Error();
    }
  }
  return "echoed " + std::to_string(count);
}

// Lets in whoever knows the password "secret".
void* ServeZap(void* handler) {
  for (;;) {
    std::vector<std::string> request;
    int more = 1;
    while (more != 0) {
      char bytes[256];
      const int got = zmq_recv(handler, bytes, sizeof(bytes), 0);
      if (got < 0) {
        zmq_close(handler);
        return nullptr;
      }
      request.emplace_back(bytes, static_cast<size_t>(got));
      size_t size = sizeof(more);
      zmq_getsockopt(handler, ZMQ_RCVMORE, &more, &size);
    }
    const bool good = request.size() > 7 && request[5] == "PLAIN" && request[7] == "secret";
    const std::string user = good ? request[6] : "";
    for (const std::string& part :
         {request[0], request[1], std::string(good ? "200" : "400"), std::string("text"), user}) {
      zmq_send(handler, part.data(), part.size(), ZMQ_SNDMORE);
    }
    zmq_send(handler, "", 0, 0);
  }
}

std::string StartZap() {
  if (context == nullptr) context = zmq_ctx_new();
  void* handler = zmq_socket(context, ZMQ_REP);
  if (zmq_bind(handler, "inproc://zeromq.zap.01") != 0) return Error();
  zmq_threadstart([](void* socket) { ServeZap(socket); }, handler);
  return "ok";
}

std::string GetText(int wait_ms, const std::string& property) {
  zmq_setsockopt(zsocket, ZMQ_RCVTIMEO, &wait_ms, sizeof(wait_ms));
  std::string text;
  for (bool more = true; more;) {
    zmq_msg_t message;
    zmq_msg_init(&message);
    if (zmq_msg_recv(&message, zsocket, 0) < 0) return Error();
    more = zmq_msg_more(&message) != 0;
    if (property.empty()) {
      text += std::string(static_cast<char*>(zmq_msg_data(&message)), zmq_msg_size(&message));
      if (more) text += "|";
    } else if (const char* value = zmq_msg_gets(&message, property.c_str())) {
      text = value;
    }
    zmq_msg_close(&message);
  }
  return "text " + text;
}

std::string Do(const std::string& line) {
  std::istringstream in(line);
  std::string command, text;
  in >> command;
  if (command == "socket") {
    in >> text;
    if (context == nullptr) context = zmq_ctx_new();
    zsocket = zmq_socket(context, kTypes.at(text));
    return zsocket != nullptr ? "ok" : Error();
  }
  if (command == "set") {
    int option = 0, value = 0;
    in >> option >> value;
    return OkOr(zmq_setsockopt(zsocket, option, &value, sizeof(value)));
  }
  if (command == "zap") return StartZap();
  if (command == "set64") {
    int option = 0;
    int64_t value = 0;
    in >> option >> value;
    return OkOr(zmq_setsockopt(zsocket, option, &value, sizeof(value)));
  }
  if (command == "settext") {
    int option = 0;
    in >> option >> text;
    return OkOr(zmq_setsockopt(zsocket, option, text.data(), text.size()));
  }
  if (command == "bind") {
    in >> text;
    if (zmq_bind(zsocket, text.c_str()) != 0) return Error();
    char endpoint[256] = {};
    size_t bytes = sizeof(endpoint);
    zmq_getsockopt(zsocket, ZMQ_LAST_ENDPOINT, endpoint, &bytes);
    return std::string("ok ") + endpoint;
  }
  if (command == "connect" || command == "unbind" || command == "disconnect") {
    in >> text;
    const char* endpoint = text.c_str();
    return OkOr(command == "connect"  ? zmq_connect(zsocket, endpoint)
                : command == "unbind" ? zmq_unbind(zsocket, endpoint)
                                      : zmq_disconnect(zsocket, endpoint));
  }
  if (command == "send") {
    uint64_t first = 0, count = 0;
    size_t bytes = 0;
    int parts = 1, wait_ms = 0;
    in >> first >> count >> parts >> bytes >> wait_ms;
    return Send(first, count, parts, bytes, wait_ms);
  }
  if (command == "recv" || command == "echo") {
    uint64_t count = 0;
    int wait_ms = 0;
    in >> count >> wait_ms;
    return command == "recv" ? Receive(count, wait_ms) : Echo(count, wait_ms);
  }
  if (command == "text") {
    in >> text;
    return zmq_send(zsocket, text.data(), text.size(), 0) >= 0 ? "ok" : Error();
  }
  if (command == "gettext") {
    int wait_ms = 0;
    in >> wait_ms;
    return GetText(wait_ms, "");
  }
  if (command == "property") {
    int wait_ms = 0;
    in >> text >> wait_ms;
    return GetText(wait_ms, text);
  }
  if (command == "has") {
    in >> text;
    return std::to_string(zmq_has(text.c_str()));
  }
  if (command == "close") {
    int linger = 0;
    in >> linger;
    zmq_setsockopt(zsocket, ZMQ_LINGER, &linger, sizeof(linger));
    return OkOr(zmq_close(zsocket));
  }
  if (command == "term") return OkOr(zmq_ctx_term(context));
  return "what?";
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line) && line != "quit") std::cout << Do(line) << std::endl;
  return 0;
}
