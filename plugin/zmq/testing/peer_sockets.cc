// The commands of zmq-test-peer for sockets and their options.
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <cerrno>

#include "plugin/zmq/testing/peer.h"

namespace samehost::zmq_transport::testing {
namespace {

std::string MakeSocket(Words& words) {
  void* made = zmq_socket(ThePeer().Context(), SocketType(words.Text()));
  ThePeer().Socket() = made;
  return made != nullptr ? "ok" : Error();
}

template <typename Value>
std::string Set(Words& words) {
  const int option = static_cast<int>(words.Number());
  const auto value = static_cast<Value>(words.Number());
  return OkOr(zmq_setsockopt(ThePeer().Socket(), option, &value, sizeof(value)));
}

std::string SetText(Words& words) {
  const int option = static_cast<int>(words.Number());
  const std::string text = words.Text();
  return OkOr(zmq_setsockopt(ThePeer().Socket(), option, text.data(), text.size()));
}

std::string Get(Words& words) {
  int value = 0;
  size_t bytes = sizeof(value);
  const int option = static_cast<int>(words.Number());
  if (zmq_getsockopt(ThePeer().Socket(), option, &value, &bytes) != 0) return Error();
  return "value " + std::to_string(value);
}

std::string LastEndpoint() {
  char endpoint[256] = {};
  size_t bytes = sizeof(endpoint);
  zmq_getsockopt(ThePeer().Socket(), ZMQ_LAST_ENDPOINT, endpoint, &bytes);
  return endpoint;
}

std::string GetString(Words& words) {
  char value[256] = {};
  size_t bytes = sizeof(value);
  const int option = static_cast<int>(words.Number());
  if (zmq_getsockopt(ThePeer().Socket(), option, value, &bytes) != 0) return Error();
  return std::string("value ") + value;
}

std::string SetOfContext(Words& words) {
  const int option = static_cast<int>(words.Number());
  return OkOr(zmq_ctx_set(ThePeer().Context(), option, static_cast<int>(words.Number())));
}

std::string Bind(Words& words) {
  if (zmq_bind(ThePeer().Socket(), words.Text().c_str()) != 0) return Error();
  return "ok " + LastEndpoint();
}

Command OfEndpoint(int (*function)(void*, const char*)) {
  return
      [function](Words& words) { return OkOr(function(ThePeer().Socket(), words.Text().c_str())); };
}

std::string Close(Words& words) {
  const int linger = static_cast<int>(words.Number());
  zmq_setsockopt(ThePeer().Socket(), ZMQ_LINGER, &linger, sizeof(linger));
  const std::string answer = OkOr(zmq_close(ThePeer().Socket()));
  ThePeer().sockets.erase(ThePeer().current);
  return answer;
}

std::string Term(Words&) { return OkOr(zmq_ctx_term(ThePeer().context)); }

bool SendNumbered(void* socket, uint64_t first, uint64_t count) {
  for (uint64_t number = first; number < first + count; ++number) {
    if (zmq_send(socket, &number, sizeof(number), 0) < 0) return false;
  }
  return true;
}

// What libzmq lets a child do with its parent's: close it and give it up. The end of the context
// goes as far as to close its descriptors, and says EINTR.
int InChild(const std::string& endpoint, uint64_t first, uint64_t count) {
  for (const auto& [name, socket] : ThePeer().sockets) {
    if (zmq_close(socket) != 0) return 2;
  }
  if (zmq_ctx_term(ThePeer().context) == 0 || zmq_errno() != EINTR) return 3;
  void* context = zmq_ctx_new();
  void* socket = zmq_socket(context, ZMQ_PUSH);
  if (zmq_connect(socket, endpoint.c_str()) != 0) return 4;
  if (!SendNumbered(socket, first, count)) return 5;
  if (zmq_close(socket) != 0) return 6;
  return zmq_ctx_term(context) == 0 ? 0 : 7;
}

std::string Fork(Words& words) {
  const std::string endpoint = words.Text();
  const auto first = static_cast<uint64_t>(words.Number());
  const auto count = static_cast<uint64_t>(words.Number());
  const pid_t child = fork();
  if (child == 0) _exit(InChild(endpoint, first, count));
  int status = -1;
  waitpid(child, &status, 0);
  return "child " + std::to_string(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

}  // namespace

int SocketType(const std::string& name) {
  static const std::map<std::string, int> types = {
      {"PAIR", ZMQ_PAIR}, {"PUB", ZMQ_PUB},       {"SUB", ZMQ_SUB},       {"REQ", ZMQ_REQ},
      {"REP", ZMQ_REP},   {"DEALER", ZMQ_DEALER}, {"ROUTER", ZMQ_ROUTER}, {"PULL", ZMQ_PULL},
      {"PUSH", ZMQ_PUSH}, {"XPUB", ZMQ_XPUB},     {"XSUB", ZMQ_XSUB},     {"STREAM", ZMQ_STREAM}};
  return types.at(name);
}

Commands SocketCommands() {
  return {
      {"use", [](Words& words) { return ThePeer().current = words.Text(), std::string("ok"); }},
      {"socket", MakeSocket},
      {"set", Set<int>},
      {"set64", Set<int64_t>},
      {"settext", SetText},
      {"get", Get},
      {"getstr", GetString},
      {"ctxset", SetOfContext},
      {"bind", Bind},
      {"connect", OfEndpoint(zmq_connect)},
      {"unbind", OfEndpoint(zmq_unbind)},
      {"disconnect", OfEndpoint(zmq_disconnect)},
      {"close", Close},
      {"term", Term},
      {"has", [](Words& words) { return std::to_string(zmq_has(words.Text().c_str())); }},
      {"user", [](Words& words) { return OkOr(setuid(static_cast<uid_t>(words.Number()))); }},
      {"fork", Fork},
  };
}

}  // namespace samehost::zmq_transport::testing
