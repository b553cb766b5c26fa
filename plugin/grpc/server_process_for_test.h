// An EchoServer over samehost in a process of its own: this very test program, started again. Its
// port is 127.0.0.1's; it stays until its ServerProcess ends.
#ifndef SAMEHOST_PLUGIN_GRPC_SERVER_PROCESS_FOR_TEST_H_
#define SAMEHOST_PLUGIN_GRPC_SERVER_PROCESS_FOR_TEST_H_

#include <sys/types.h>

#include <string>

#include "plugin/base/unique_fd.h"

namespace samehost::grpc_transport::testing {

class ServerProcess {
 public:
  // `directory`: of the rendezvous. Returns once the server listens.
  explicit ServerProcess(const std::string& directory);
  ~ServerProcess();  // lets it end by itself
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  void Kill();      // SIGKILL; gone when this returns
  void Stop();      // SIGSTOP; every thread has stopped when this returns
  void Continue();  // SIGCONT
  pid_t pid() const { return pid_; }
  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  UniqueFd stay_;
  pid_t pid_ = 0;
  int port_ = 0;
};

}  // namespace samehost::grpc_transport::testing

#endif  // SAMEHOST_PLUGIN_GRPC_SERVER_PROCESS_FOR_TEST_H_
