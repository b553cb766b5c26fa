// A publisher and a subscriber: ticker publish | ticker watch. Not a line differs from a program
// for the distribution's libzmq; ipc connections are carried through shared memory by themselves.
#include <chrono>
#include <iostream>
#include <string>
#include <thread>
#include <zmq.hpp>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string endpoint = "ipc:///tmp/ticker";
  zmq::context_t context;
  if (std::string(argv[1]) == "publish") {
    zmq::socket_t socket(context, zmq::socket_type::pub);
    socket.bind(endpoint);
    for (int price = 100;; ++price) {
      socket.send(zmq::buffer("ACME " + std::to_string(price)));
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  zmq::socket_t socket(context, zmq::socket_type::sub);
  socket.set(zmq::sockopt::subscribe, "ACME");
  socket.connect(endpoint);
  for (int i = 0; i < 10; ++i) {
    zmq::message_t message;
    if (!socket.recv(message)) return 1;
    std::cout << message.to_string() << std::endl;
  }
  return 0;
}
