// What the parts of zmq-test-peer (peer.cc) share: its context, its sockets, and how commands are
// read and answered. One thread at a time uses a socket, as libzmq asks.
#ifndef SAMEHOST_PLUGIN_ZMQ_TESTING_PEER_H_
#define SAMEHOST_PLUGIN_ZMQ_TESTING_PEER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <sstream>
#include <string>

namespace samehost::zmq_transport::testing {

// The words of a command that come after its name.
class Words {
 public:
  explicit Words(const std::string& line) : in_(line) {}
  std::string Text();  // "" when there are no more
  int64_t Number();    // 0 when there are no more
  std::string Rest();  // of the line
  bool Next(std::string* word) { return static_cast<bool>(in_ >> *word); }

 private:
  std::istringstream in_;
};

using Command = std::function<std::string(Words&)>;
using Commands = std::map<std::string, Command>;

Commands SocketCommands();    // peer_sockets.cc
Commands MessageCommands();   // peer_messages.cc
Commands WaitingCommands();   // peer_waiting.cc
Commands SecurityCommands();  // peer_security.cc

// Carries out one line.
std::string Do(const std::string& line);

struct Peer {
  void* context = nullptr;
  std::map<std::string, void*> sockets;
  std::string current = "first";  // the socket that commands are for

  void* Context();  // made when first asked for
  void*& Socket() { return sockets[current]; }
};
Peer& ThePeer();

std::string Error();       // "error NUMBER TEXT"
std::string OkOr(int rc);  // "ok", or the error
int SocketType(const std::string& name);
void SetWait(int option, int wait_ms);  // ZMQ_RCVTIMEO or ZMQ_SNDTIMEO

}  // namespace samehost::zmq_transport::testing

#endif  // SAMEHOST_PLUGIN_ZMQ_TESTING_PEER_H_
