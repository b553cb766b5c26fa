#include "plugin/rendezvous/test_support.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

namespace samehost::rendezvous::testing {

Address Tcp(const std::string& ip, uint16_t port) {
  Address address;
  if (ip.find(':') == std::string::npos) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    inet_pton(AF_INET, ip.c_str(), &v4.sin_addr);
    address.length = sizeof(v4);
    return address;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
  const size_t percent = ip.find('%');
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  inet_pton(AF_INET6, ip.substr(0, percent).c_str(), &v6.sin6_addr);
  if (percent != std::string::npos) v6.sin6_scope_id = if_nametoindex(ip.c_str() + percent + 1);
  address.length = sizeof(v6);
  return address;
}

Address UnixFile(const std::string& path) {
  Address address;
  auto& unix_address = reinterpret_cast<sockaddr_un&>(address.storage);
  unix_address.sun_family = AF_UNIX;
  memcpy(unix_address.sun_path, path.data(), std::min(path.size(), sizeof(unix_address.sun_path)));
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  return address;
}

Address Abstract(const std::string& name) { return UnixFile(std::string(1, '\0') + name); }

TempFolder::TempFolder(mode_t mode) {
  char path[] = "/tmp/samehost-test-XXXXXX";
  path_ = mkdtemp(path) != nullptr ? path : "";
  chmod(path_.c_str(), mode);
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

UniqueFd Listen(const Address& address, bool reuse_port, bool listens) {
  const auto* raw = reinterpret_cast<const sockaddr*>(&address.storage);
  UniqueFd fd(socket(raw->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  const int off = 0;
  if (reuse_port) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
  if (raw->sa_family == AF_INET6)
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  if (bind(fd.get(), raw, address.length) != 0 || (listens && listen(fd.get(), 128) != 0)) {
    perror(("listen on " + ToString(address)).c_str());
    fd.Reset();
  }
  return fd;
}

uint16_t PortOf(int socket) {
  sockaddr_storage storage = {};
  socklen_t length = sizeof(storage);
  getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &length);
  return ntohs(reinterpret_cast<sockaddr_in&>(storage).sin_port);  // the same place for IPv6
}

Hello ProperHello(const Address& address, const Options& options) {
  Hello hello;
  hello.versions = SpokenVersions();
  hello.timeout_ms = 10000;
  hello.initial_ring_bytes = options.link.initial_ring_bytes;
  hello.max_ring_bytes = options.link.max_ring_bytes;
  hello.netns = CurrentNetns();
  hello.target = *ToEndpoint(address);
  hello.protocol = options.protocol;
  return hello;
}

Options TestOptions(const std::string& directory) {
  Options options;
  options.directory = directory;
  options.protocol = "test";
  return options;
}

std::variant<Connected, Fallback> Dial(const Address& address, const Options& options,
                                       const std::string& request) {
  return Connect(address, options, request, std::chrono::seconds(20));
}

std::string Outcome(const std::variant<Connected, Fallback>& outcome) {
  if (const auto* fallback = std::get_if<Fallback>(&outcome)) {
    return std::string(Name(fallback->reason)) + ": " + fallback->detail;
  }
  return "none";
}

FallbackReason Reason(const std::variant<Connected, Fallback>& outcome) {
  const auto* fallback = std::get_if<Fallback>(&outcome);
  return fallback != nullptr ? fallback->reason : FallbackReason::kNone;
}

void Child::Talk::Say(const std::string& line) {
  const std::string text = line + "\n";
  (void)!write(out_.get(), text.data(), text.size());
}

std::string Child::Talk::Hear() {
  std::string line;
  for (char c = 0; read(in_.get(), &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

Child::Child(const std::function<void(Talk&)>& body) {
  int down[2], up[2];
  if (pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0) abort();
  fflush(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    close(down[1]);
    close(up[0]);
    Talk talk(down[0], up[1]);
    body(talk);
    fflush(nullptr);
    _exit(0);
  }
  close(down[0]);
  close(up[1]);
  talk_ = std::make_unique<Talk>(up[0], down[1]);
}

Child::~Child() {
  Kill(SIGKILL);
  Wait();
}

void Child::Kill(int signal) {
  if (pid_ > 0) kill(pid_, signal);
}

void Child::Stop() {
  Kill(SIGSTOP);
  int status = 0;
  waitpid(pid_, &status, WUNTRACED);
}

int Child::Wait() {
  if (pid_ <= 0) return 0;
  int status = 0;
  waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

struct TestServer::State {
  mutable std::mutex mutex;
  std::vector<Connected> links;
  std::vector<UniqueFd> accepted;
  std::thread acceptor;
};

TestServer::TestServer(const Address& address, const Options& options, const std::string& name,
                       bool reuse_port, bool late)
    : listener_(Listen(address, reuse_port, !late)), state_(std::make_shared<State>()) {
  AcceptHandler handler;
  handler.judge = [name](const PeerIdentity&, const std::string& request) {
    if (request == "refuse me") return Verdict{FallbackReason::kTlsNotReplaced, "as asked", ""};
    return Verdict{FallbackReason::kNone, "", request == "who" ? name : ""};
  };
  handler.accept = [state = state_](Connected connected) {
    std::lock_guard lock(state->mutex);
    state->links.push_back(std::move(connected));
  };
  auto announcement = Announce(address, options, std::move(handler));
  if (!announcement) {
    error_ = announcement.error();
    return;
  }
  announcement_ = *std::move(announcement);
  if (address.storage.ss_family == AF_UNIX) return;
  if (Status status = announcement_->SetPort(port()); !status) error_ = status.error();
}

TestServer::~TestServer() {
  announcement_.reset();
  if (state_->acceptor.joinable()) {
    shutdown(listener_.get(), SHUT_RDWR);
    state_->acceptor.join();
  }
}

size_t TestServer::links() const {
  std::lock_guard lock(state_->mutex);
  return state_->links.size();
}

void TestServer::ListenNow() { listen(listener_.get(), 128); }

void TestServer::Accepting() {
  fcntl(listener_.get(), F_SETFL, 0);  // blocking
  state_->acceptor = std::thread([state = state_, listener = listener_.get()] {
    for (int fd = 0; (fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
      std::lock_guard lock(state->mutex);
      state->accepted.emplace_back(fd);
    }
  });
}

ServerProcess::ServerProcess(const Address& address, const Options& options,
                             const std::string& name, const std::function<void()>& prepare,
                             bool reuse_port)
    : child_([&](Child::Talk& talk) {
        if (prepare) prepare();
        TestServer server(address, options, name, reuse_port);
        if (!server.ok()) {
          talk.Say("error " + ToString(server.error()));
          return;
        }
        if (address.storage.ss_family != AF_UNIX) server.Accepting();
        talk.Say(address.storage.ss_family == AF_UNIX ? "unix" : std::to_string(server.port()));
        talk.Hear();
      }) {
  const std::string said = child_.talk().Hear();
  if (said.compare(0, 5, "error") == 0)
    fprintf(stderr, "server %s: %s\n", name.c_str(), said.c_str());
  port_ = static_cast<uint16_t>(atoi(said.c_str()));
}

size_t OpenDescriptors() {
  size_t count = 0;
  DIR* listing = opendir("/proc/self/fd");
  while (readdir(listing) != nullptr) ++count;
  closedir(listing);
  return count;
}

size_t Mappings() {
  std::ifstream maps("/proc/self/maps");
  size_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    if (line.find("memfd:") != std::string::npos) ++count;
  }
  return count;
}

}  // namespace samehost::rendezvous::testing
