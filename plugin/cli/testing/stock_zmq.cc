// A ZeroMQ server and client as anybody writes them (cppzmq), for the tests of `samehost run`: no
// header and no library of samehost's. They take the words and lines that stock_echo.cc takes:
//
//   stock_zmq [ODD...] server ADDRESS              (ADDRESS: "127.0.0.1:0", "ipc:///path", or
//   shm://name)
//       prints "listening PORT" (or the path), echoes until stdin ends or a line comes that is not
//       "files FOLDER COUNT"
//   stock_zmq [ODD...] client ADDRESS CALLS BYTES
//       makes the calls, prints "CALLS calls, BYTES bytes back, peer PEER", then waits for lines:
//       "call", "files FOLDER COUNT", "close_all" as of stock_echo; "calls COUNT BYTES" makes so
//       many and prints "ok"; "fork CALLS" lets a forked child make so many with a context of its
//       own and prints "ok"
#include <sys/wait.h>
#include <unistd.h>

#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "odd_start.h"

namespace {

constexpr int kPatienceMs = 60000;

std::string Endpoint(const std::string& address) {
  if (address.find("://") != std::string::npos) return address;
  const size_t colon = address.rfind(':');
  const bool any_port = address.substr(colon) == ":0";
  return "tcp://" + (any_port ? address.substr(0, colon) + ":*" : address);
}

void Echo(zmq::socket_t* replies, zmq::socket_t* end) {
  std::vector<zmq::pollitem_t> items = {{replies->handle(), 0, ZMQ_POLLIN, 0},
                                        {end->handle(), 0, ZMQ_POLLIN, 0}};
  for (;;) {
    zmq::poll(items, std::chrono::milliseconds(-1));
    if ((items[1].revents & ZMQ_POLLIN) != 0) return;
    zmq::message_t message;
    (void)replies->recv(message);
    replies->send(message, zmq::send_flags::none);
  }
}

bool ForkForFiles(std::istringstream* words) {
  std::string folder;
  int count = 0;
  if (!(*words >> folder >> count)) return false;
  std::cout << (ChildWithFilesOfItsOwn(folder, count) ? "ok" : "damaged") << std::endl;
  return true;
}

int Serve(const std::string& address) {
  zmq::context_t context;
  zmq::socket_t replies(context, zmq::socket_type::rep);
  replies.bind(Endpoint(address));
  zmq::socket_t end(context, zmq::socket_type::pair);
  end.bind("inproc://end");
  const std::string bound = replies.get(zmq::sockopt::last_endpoint);
  std::cout << "listening " << bound.substr(bound.rfind(':') + 1) << std::endl;
  std::thread echo([&] { Echo(&replies, &end); });
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string word;
    if (!(words >> word) || word != "files" || !ForkForFiles(&words)) break;
  }
  zmq::socket_t ender(context, zmq::socket_type::pair);
  ender.connect("inproc://end");
  ender.send(zmq::str_buffer("end"), zmq::send_flags::none);
  echo.join();
  return 0;
}

class Caller {
 public:
  explicit Caller(const std::string& address) : socket_(context_, zmq::socket_type::req) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvtimeo, kPatienceMs);
    socket_.set(zmq::sockopt::sndtimeo, kPatienceMs);
    socket_.connect(Endpoint(address));
  }

  bool Call(const std::string& bytes) {
    if (!socket_.send(zmq::buffer(bytes), zmq::send_flags::none)) return false;
    zmq::message_t back;
    if (!socket_.recv(back)) return false;
    const char* peer = back.gets("Peer-Address");
    peer_ = peer != nullptr ? peer : "";
    return back.to_string_view() == bytes;
  }
  bool Calls(int count, size_t bytes) {
    for (int i = 0; i < count; ++i) {
      if (!Call(std::string(bytes, static_cast<char>('a' + i % 26)))) return false;
    }
    return true;
  }
  const std::string& peer() const { return peer_; }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
  std::string peer_;
};

// As libzmq allows it: the child leaves the parent's context alone.
bool ForkToCall(const std::string& address, int calls) {
  const pid_t child = fork();
  if (child == 0) _exit(Caller(address).Calls(calls, 100) ? 0 : 1);
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

// Does what a line says; false: it is the end.
bool Obey(const std::string& line, const std::string& address, Caller* caller) {
  std::istringstream words(line);
  std::string word;
  int count = 0;
  size_t bytes = 0;
  words >> word;
  if (word == "call") {
    std::cout << (caller->Call("once more") ? "ok" : "failed") << std::endl;
  } else if (word == "calls" && words >> count >> bytes) {
    std::cout << (caller->Calls(count, bytes) ? "ok" : "failed") << std::endl;
  } else if (word == "fork" && words >> count) {
    std::cout << (ForkToCall(address, count) ? "ok" : "failed") << std::endl;
  } else if (word == "close_all") {
    CloseAll();
    std::cout << "closed" << std::endl;
  } else {
    return word == "files" && ForkForFiles(&words);
  }
  return true;
}

int Call(const std::string& address, int calls, size_t bytes) {
  Caller caller(address);
  if (!caller.Calls(calls, bytes)) return 1;
  std::cout << calls << " calls, " << static_cast<size_t>(calls) * bytes << " bytes back, peer "
            << caller.peer() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    if (!Obey(line, address, &caller)) break;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  StartOddly(&words);
  if (words.size() == 2 && words[0] == "server") return Serve(words[1]);
  if (words.size() == 4 && words[0] == "client") {
    return Call(words[1], std::stoi(words[2]), std::stoul(words[3]));
  }
  return 2;
}
