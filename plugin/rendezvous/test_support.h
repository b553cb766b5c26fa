// What the tests of this folder share: addresses, stock listeners, child processes, a served link.
#ifndef SAMEHOST_PLUGIN_RENDEZVOUS_TEST_SUPPORT_H_
#define SAMEHOST_PLUGIN_RENDEZVOUS_TEST_SUPPORT_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "plugin/base/unique_fd.h"
#include "plugin/rendezvous/handshake.h"
#include "plugin/rendezvous/rendezvous.h"

namespace samehost::rendezvous::testing {

Address Tcp(const std::string& ip, uint16_t port);  // "127.0.0.1", "::1", "fe80::1%2"
Address UnixFile(const std::string& path);
Address Abstract(const std::string& name);

// A folder of its own, removed at the end.
class TempFolder {
 public:
  explicit TempFolder(mode_t mode = 0755);
  ~TempFolder();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The stock port: bound and listening, and accepting when asked to.
UniqueFd Listen(const Address& address, bool reuse_port = false, bool listens = true);
uint16_t PortOf(int socket);

// Options of the protocol "test" in this directory.
Options TestOptions(const std::string& directory);

// Connects, waiting long enough that a timeout means that something is broken.
std::variant<Connected, Fallback> Dial(const Address& address, const Options& options,
                                       const std::string& request = "");
// What an honest client begins with.
Hello ProperHello(const Address& address, const Options& options);
// "none" when connected, else the reason's name and the detail.
std::string Outcome(const std::variant<Connected, Fallback>& outcome);
FallbackReason Reason(const std::variant<Connected, Fallback>& outcome);

// A process of its own that runs `body` and can talk to the test by lines. Fork before this process
// has threads. Killed (SIGKILL) and reaped at the end if it still runs.
class Child {
 public:
  class Talk {
   public:
    Talk(int in, int out) : in_(in), out_(out) {}
    void Say(const std::string& line);
    std::string Hear();                   // "" when the other end has gone
    int fd() const { return in_.get(); }  // readable when there is something to hear

   private:
    UniqueFd in_, out_;
  };
  explicit Child(const std::function<void(Talk&)>& body);
  ~Child();
  Child(const Child&) = delete;
  Talk& talk() { return *talk_; }
  pid_t pid() const { return pid_; }
  void Kill(int signal);
  void Stop();  // SIGSTOP; returns once it has taken effect
  // Waits for its end; its exit status, or minus the signal.
  int Wait();

 private:
  pid_t pid_ = -1;
  std::unique_ptr<Talk> talk_;
};

// A server in this process: listens, announces, keeps the links, answers each request "who" with
// `name`.
class TestServer {
 public:
  TestServer(const Address& address, const Options& options, const std::string& name,
             bool reuse_port = false, bool late = false);
  ~TestServer();
  bool ok() const { return announcement_ != nullptr; }
  const Error& error() const { return error_; }
  uint16_t port() const { return PortOf(listener_.get()); }
  int listener() const { return listener_.get(); }
  size_t links() const;
  void ListenNow();  // with `late`: its port was only bound until now
  void Accepting();  // accepts TCP connections on a thread from now on
  void StopAnnouncing() { announcement_.reset(); }

 private:
  struct State;
  UniqueFd listener_;
  std::shared_ptr<State> state_;
  Error error_;
  std::unique_ptr<Announcement> announcement_;
};

// A TestServer in a process of its own. Says its port (or "unix") once it can be found.
class ServerProcess {
 public:
  ServerProcess(const Address& address, const Options& options, const std::string& name,
                const std::function<void()>& prepare = {}, bool reuse_port = false);
  uint16_t port() const { return port_; }
  Child& child() { return child_; }

 private:
  Child child_;
  uint16_t port_ = 0;
};

size_t OpenDescriptors();
size_t Mappings();

}  // namespace samehost::rendezvous::testing

#endif  // SAMEHOST_PLUGIN_RENDEZVOUS_TEST_SUPPORT_H_
