// zmq-test-peer: a process with ZeroMQ sockets, told on its standard input what to do, one line a
// command, and answering each with one line. The tests start it with the distribution's library or
// with ours; it uses libzmq's C API and nothing else.
//
// clang-format off
// Sockets (peer_sockets.cc). Each answers "ok" where nothing else is said, or "error NUMBER TEXT".
//   use NAME                          what follows is for the socket of that name
//   socket TYPE                       makes it
//   set OPTION INT, set64, settext OPTION TEXT
//   get OPTION                        "value INT";  getstr OPTION: "value TEXT"
//   ctxset OPTION INT
//   bind ENDPOINT                     "ok ENDPOINT", the one that was bound
//   connect, unbind, disconnect ENDPOINT
//   close LINGER_MS   term            zmq_close, zmq_ctx_term
//   has WHAT                          zmq_has
//   user UID                          becomes that user
//   fork ENDPOINT FIRST COUNT         a forked child gives up what it has of its parent's, and sends numbered
//                                     messages from a PUSH socket of its own: "child STATUS"
// Messages (peer_messages.cc). WAIT_MS is how long each may take; -1: for ever.
//   send FIRST COUNT PARTS BYTES WAIT_MS   messages numbered from FIRST: "sent COUNT"
//   recv COUNT WAIT_MS                "got COUNT first NUMBER last NUMBER", or "got COUNT" and what is wrong with the next
//   order COUNT WAIT_MS               of single-part messages the senders in order: "order NUMBER/1000000 ..."
//   echo COUNT WAIT_MS                sends back what comes: "echoed COUNT"
//   keep NUMBER BYTES                 sends one and keeps a copy;  kept NUMBER: "intact", "changed"
//   text TEXT                         one message;  try TEXT: with ZMQ_DONTWAIT
//   part TEXT                         the same, but more of the message is to follow
//   textto ID TEXT                    two parts, with ZMQ_DONTWAIT
//   gettext WAIT_MS                   "text TEXT", parts with "|" between them
//   property NAME WAIT_MS             a property of the next message: "text VALUE"
// Waiting (peer_waiting.cc).
//   poll in|out WAIT_MS SOCKET...     zmq_poll: "ready SOCKET..."
//   fdwait WAIT_MS                    polls ZMQ_FD: "readable" or "quiet"
//   fdrecv COUNT WAIT_MS              as recv, but waits by ZMQ_FD and ZMQ_EVENTS only
//   proxy FRONT BACK                  zmq_proxy_steerable with these sockets on a thread of its own
//   plainproxy FRONT BACK             zmq_proxy
//   steer WORD                        PAUSE, RESUME or TERMINATE
//   statistics                        of that proxy: "counted" and its eight numbers
//   proxied                           waits for its end: "proxied RC"
//   elsewhere COMMAND                 on a thread of its own, and waits for it
//   spawn COMMAND [; COMMAND]         does not wait;  join: "first answer;second answer"
//   workers COUNT ENDPOINT MESSAGES   as many threads, each with a DEALER of its own, send and expect an echo: "worked COUNT"
//   monitor                           of the socket's events
//   events NAME WAIT_MS               those until NAME has come: "events NAME ..."
//   intervals COUNT WAIT_MS           of the next CONNECT_RETRIED: "intervals MS ..."
// Security (peer_security.cc).
//   zap [KEY]                         starts a ZAP handler: PLAIN with the password "secret", NULL where the domain is
//                                     "open", CURVE with the client key KEY
//   keys                              "keys PUBLIC SECRET"
// quit ends the process.
// clang-format on
#include "plugin/zmq/testing/peer.h"

#include <zmq.h>

#include <iostream>

namespace samehost::zmq_transport::testing {

std::string Words::Text() {
  std::string word;
  in_ >> word;
  return word;
}

int64_t Words::Number() {
  int64_t number = 0;
  in_ >> number;
  return number;
}

std::string Words::Rest() {
  std::string rest;
  std::getline(in_ >> std::ws, rest);
  return rest;
}

Peer& ThePeer() {
  static Peer peer;
  return peer;
}

void* Peer::Context() {
  if (context == nullptr) context = zmq_ctx_new();
  return context;
}

std::string Error() {
  return "error " + std::to_string(zmq_errno()) + " " + zmq_strerror(zmq_errno());
}
std::string OkOr(int rc) { return rc == 0 ? "ok" : Error(); }

void SetWait(int option, int wait_ms) {
  zmq_setsockopt(ThePeer().Socket(), option, &wait_ms, sizeof(wait_ms));
}

std::string Do(const std::string& line) {
  static const Commands commands = [] {
    Commands all = SocketCommands();
    all.merge(MessageCommands());
    all.merge(WaitingCommands());
    all.merge(SecurityCommands());
    return all;
  }();
  Words words(line);
  const auto found = commands.find(words.Text());
  return found != commands.end() ? found->second(words) : "what?";
}

}  // namespace samehost::zmq_transport::testing

int main() {
  std::string line;
  while (std::getline(std::cin, line) && line != "quit") {
    std::cout << samehost::zmq_transport::testing::Do(line) << std::endl;
  }
  return 0;
}
