// PeerProcess: a zmq-test-peer (peer.cc) as the tests see it. Killed when destroyed.
#ifndef SAMEHOST_PLUGIN_ZMQ_TESTING_PEER_PROCESS_H_
#define SAMEHOST_PLUGIN_ZMQ_TESTING_PEER_PROCESS_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace samehost::zmq_transport::testing {

enum class Library { kOurs, kStock };

class PeerProcess {
 public:
  using Environment = std::map<std::string, std::string>;
  explicit PeerProcess(Library library = Library::kOurs, const Environment& environment = {});
  ~PeerProcess();
  PeerProcess(const PeerProcess&) = delete;
  PeerProcess& operator=(const PeerProcess&) = delete;

  // Sends one command and waits for its answer; "" when the process has ended.
  std::string operator()(const std::string& command);
  // The two halves of it, to let several peers work at once.
  void Tell(const std::string& command);
  std::string Answer();
  void Kill();  // SIGKILL, and waits for its end
  pid_t pid() const { return pid_; }
  // Links of shared memory that the process has.
  int Links() const;
  int Descriptors() const;
  // Those whose target contains `what`, as paths in /proc.
  std::vector<std::string> DescriptorsOf(const std::string& what) const;

 private:
  pid_t pid_ = -1;
  int in_ = -1, out_ = -1;
  std::string read_;
};

// A shm:// endpoint that no other test process uses.
std::string Unique(const std::string& what);

}  // namespace samehost::zmq_transport::testing

#endif  // SAMEHOST_PLUGIN_ZMQ_TESTING_PEER_PROCESS_H_
