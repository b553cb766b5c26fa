// For this folder's tests: a server that answers every method with the bytes it was sent, over
// whatever credentials, and one synchronous call to it. No protobuf.
#ifndef SAMEHOST_PLUGIN_GRPC_ECHO_FOR_TEST_H_
#define SAMEHOST_PLUGIN_GRPC_ECHO_FOR_TEST_H_

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace samehost::grpc_transport::testing {

// What the server saw of one call.
struct Seen {
  std::string peer;
  bool authenticated = false;
  std::map<std::string, std::string> auth_properties;  // the last value of each name
  std::map<std::string, std::string> metadata;         // likewise
};

class EchoServer {
 public:
  // Listens on `address`; port() is 0 when that failed. `more` may add to the builder.
  EchoServer(const std::string& address, std::shared_ptr<grpc::ServerCredentials> credentials,
             const std::function<void(grpc::ServerBuilder*)>& more = nullptr);
  ~EchoServer();

  int port() const { return port_; }
  bool running() const { return server_ != nullptr; }
  // "127.0.0.1:<port>"
  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }
  Seen last() const;
  grpc::Server* server() { return server_.get(); }
  // Ends calls and connections; idempotent.
  void Shutdown();

 private:
  class Reactor;
  class Service;
  mutable std::mutex mutex_;
  Seen last_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

struct EchoResult {
  grpc::Status status;
  std::string reply;
  std::string peer;                                    // ClientContext::peer()
  std::map<std::string, std::string> auth_properties;  // of the client's side
};

// One unary call with `payload`, waiting for ready unless told otherwise. A watchdog deadline of 30
// s.
EchoResult Echo(const std::shared_ptr<grpc::Channel>& channel, const std::string& payload,
                const std::function<void(grpc::ClientContext*)>& with = nullptr);

// Channel arguments that keep a channel from sharing subchannels with others of the process.
grpc::ChannelArguments OwnSubchannels();

// The last decision recorded for `address` ("" when none).
std::string ReasonFor(const std::string& address);
std::string DetailFor(const std::string& address);

}  // namespace samehost::grpc_transport::testing

#endif  // SAMEHOST_PLUGIN_GRPC_ECHO_FOR_TEST_H_
