#include "plugin/zmq/testing/peer_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

namespace samehost::zmq_transport::testing {
PeerProcess::PeerProcess(Library library, const Environment& environment) {
  int to[2], from[2];
  if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) return;
  pid_ = fork();
  if (pid_ == 0) {
    dup2(to[0], 0);
    dup2(from[1], 1);
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    setenv("LD_LIBRARY_PATH",
           library == Library::kOurs ? SAMEHOST_ZMQ_LIBRARY_DIR : SAMEHOST_ZMQ_STOCK_DIR, 1);
    execl(SAMEHOST_ZMQ_TEST_PEER, "zmq-test-peer", nullptr);
    _exit(127);
  }
  close(to[0]);
  close(from[1]);
  in_ = to[1];
  out_ = from[0];
}

PeerProcess::~PeerProcess() {
  Kill();
  close(in_);
  close(out_);
}

void PeerProcess::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void PeerProcess::Tell(const std::string& command) {
  const std::string line = command + "\n";
  signal(SIGPIPE, SIG_IGN);
  (void)!write(in_, line.data(), line.size());
}

std::string PeerProcess::Answer() {
  for (;;) {
    const size_t end = read_.find('\n');
    if (end != std::string::npos) {
      const std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      return line;
    }
    char bytes[512];
    const ssize_t got = read(out_, bytes, sizeof(bytes));
    if (got <= 0) return "";
    read_.append(bytes, static_cast<size_t>(got));
  }
}

std::string PeerProcess::operator()(const std::string& command) {
  Tell(command);
  return Answer();
}

std::vector<std::string> PeerProcess::DescriptorsOf(const std::string& what) const {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid_) + "/fd", ignored)) {
    const auto target = std::filesystem::read_symlink(entry.path(), ignored).string();
    if (target.find(what) != std::string::npos) found.push_back(entry.path());
  }
  return found;
}

int PeerProcess::Links() const {
  return static_cast<int>(DescriptorsOf("/memfd:samehost-link").size());
}
int PeerProcess::Descriptors() const { return static_cast<int>(DescriptorsOf("").size()); }

std::string Unique(const std::string& what) {
  return "shm://" + what + "." + std::to_string(getpid());
}

}  // namespace samehost::zmq_transport::testing
