// A TCP proxy on 127.0.0.1 that keeps what passes, so that a test can look at the wire.
#ifndef SAMEHOST_PLUGIN_GRPC_TAP_FOR_TEST_H_
#define SAMEHOST_PLUGIN_GRPC_TAP_FOR_TEST_H_

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "plugin/base/unique_fd.h"

namespace samehost::grpc_transport::testing {

class Tap {
 public:
  explicit Tap(int server_port);
  ~Tap();  // ends the connections that run through it

  int port() const { return port_; }
  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }
  // Everything that clients have sent so far, all connections one after another.
  std::string from_clients() const;

 private:
  void Accept();
  void Pump(int client);

  const int server_port_;
  int port_ = 0;
  UniqueFd listening_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::string from_clients_;
  std::vector<int> open_;
  std::vector<std::thread> pumps_;
  std::thread accepting_;
};

}  // namespace samehost::grpc_transport::testing

#endif  // SAMEHOST_PLUGIN_GRPC_TAP_FOR_TEST_H_
