// D-Bus by sd-bus: each message is a method call without reply that carries an array of bytes; peer
// to peer over a pair of sockets, or through a dbus-daemon of its own.
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "plugin/bench/menu/adapters/adapters.h"
#include "plugin/bench/menu/adapters/socket_pair.h"

namespace samehost::bench::menu {
namespace {

constexpr const char* kPath = "/samehost/bench";
constexpr const char* kInterface = "samehost.Bench";
constexpr const char* kMember = "Message";

void Require(int result, const char* operation) {
  if (result >= 0) return;
  if (result == -ECONNRESET || result == -ENOTCONN || result == -EPIPE) throw PeerGone();
  FailErrno(operation, -result);
}

struct Unref {
  void operator()(sd_bus* bus) const { ::sd_bus_unref(bus); }
  void operator()(sd_bus_message* message) const { ::sd_bus_message_unref(message); }
};
using BusPtr = std::unique_ptr<sd_bus, Unref>;
using MessagePtr = std::unique_ptr<sd_bus_message, Unref>;

// A dbus-daemon with generous limits that lets its user do everything; ends with its owner.
class Daemon {
 public:
  explicit Daemon(const std::string& directory) : address_("unix:path=" + directory + "/bus") {
    const std::string config = directory + "/bus.conf";
    std::ofstream(config)
        << R"(<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>)"
        << address_ << R"(</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy>
<limit name="max_incoming_bytes">1000000000</limit><limit name="max_outgoing_bytes">1000000000</limit>
<limit name="max_message_size">1000000000</limit></busconfig>)";
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) FailErrno("pipe");
    const UniqueFd read_end(ready[0]);
    UniqueFd write_end(ready[1]);
    const std::string file = "--config-file=" + config;
    const std::string print = "--print-address=" + std::to_string(write_end.get());
    pid_ = ::fork();
    if (pid_ < 0) FailErrno("fork");
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::fcntl(write_end.get(), F_SETFD, 0);
      ::dup2(::open("/dev/null", O_WRONLY), STDERR_FILENO);  // it regrets every limit that it finds
      ::execlp("dbus-daemon", "dbus-daemon", "--nofork", file.c_str(), print.c_str(), nullptr);
      ::_exit(127);
    }
    write_end.Reset();
    char byte;
    if (::read(read_end.get(), &byte, 1) != 1) throw BenchFailure("dbus-daemon did not start");
  }
  ~Daemon() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  const std::string& address() const { return address_; }
  pid_t pid() const { return pid_; }

 private:
  std::string address_;
  pid_t pid_ = -1;
};

class DbusChannel final : public Channel {
 public:
  // `destination` is the other end's name on the bus, empty peer to peer.
  DbusChannel(Peer& peer, BusPtr bus, std::string destination, std::unique_ptr<Daemon> daemon)
      : peer_(peer),
        daemon_(std::move(daemon)),
        bus_(std::move(bus)),
        destination_(std::move(destination)) {
    // Behind a daemon nobody tells; peer to peer the connection ends at the same moment.
    peer_.Watch([this] { ::shutdown(::sd_bus_get_fd(bus_.get()), SHUT_RDWR); });
  }
  ~DbusChannel() override { peer_.StopWatch(); }

  void Send(std::span<const std::byte> message) override {
    sd_bus_message* made = nullptr;
    Require(::sd_bus_message_new_method_call(bus_.get(), &made,
                                             destination_.empty() ? nullptr : destination_.c_str(),
                                             kPath, kInterface, kMember),
            "make a D-Bus message");
    const MessagePtr owner(made);
    Require(::sd_bus_message_set_expect_reply(made, 0), "expect no reply");
    Require(::sd_bus_message_append_array(made, 'y', message.data(), message.size()),
            "append bytes");
    Require(::sd_bus_send(bus_.get(), made, nullptr), "sd_bus_send");
    Require(::sd_bus_flush(bus_.get()), "sd_bus_flush");
  }

  std::span<const std::byte> Receive() override {
    received_.reset();
    while (!received_) {
      sd_bus_message* message = nullptr;
      const int processed = ::sd_bus_process(bus_.get(), &message);
      Require(processed, "sd_bus_process");
      if (processed == 0) {
        Require(::sd_bus_wait(bus_.get(), UINT64_MAX), "sd_bus_wait");
        continue;
      }
      if (message == nullptr) continue;
      MessagePtr owner(message);
      if (::sd_bus_message_is_method_call(message, kInterface, kMember) > 0) {
        received_ = std::move(owner);
      } else if (::sd_bus_message_is_method_error(message, nullptr) > 0) {
        throw PeerGone();  // the daemon: nobody has that name any more
      }
    }
    const void* bytes = nullptr;
    size_t size = 0;
    Require(::sd_bus_message_read_array(received_.get(), 'y', &bytes, &size), "read bytes");
    return {static_cast<const std::byte*>(bytes), size};
  }

  std::vector<pid_t> Brokers() const override {
    return daemon_ ? std::vector<pid_t>{daemon_->pid()} : std::vector<pid_t>{};
  }

 private:
  Peer& peer_;
  std::unique_ptr<Daemon> daemon_;
  BusPtr bus_;
  const std::string destination_;
  MessagePtr received_;
};

BusPtr NewBus() {
  sd_bus* bus = nullptr;
  Require(::sd_bus_new(&bus), "sd_bus_new");
  return BusPtr(bus);
}

}  // namespace

ChannelPtr OpenDbusPeer(const Place& place) {
  UniqueFd socket = ConnectedUnixSocket(place, SOCK_STREAM);
  BusPtr bus = NewBus();
  const int fd = socket.Release();
  Require(::sd_bus_set_fd(bus.get(), fd, fd), "sd_bus_set_fd");
  if (place.server()) {
    sd_id128_t id{};
    id.bytes[0] = 1;
    Require(::sd_bus_set_server(bus.get(), 1, id), "sd_bus_set_server");
  }
  Require(::sd_bus_start(bus.get()), "sd_bus_start");
  while (::sd_bus_is_ready(bus.get()) == 0) {
    Require(::sd_bus_process(bus.get(), nullptr), "authenticate");
    if (::sd_bus_is_ready(bus.get()) == 0) Require(::sd_bus_wait(bus.get(), UINT64_MAX), "wait");
  }
  return std::make_unique<DbusChannel>(place.peer, std::move(bus), "", nullptr);
}

ChannelPtr OpenDbusDaemon(const Place& place) {
  std::unique_ptr<Daemon> daemon;
  std::string address;
  if (place.server()) {
    daemon = std::make_unique<Daemon>(place.directory);
    address = daemon->address();
    place.peer.SendText(address);
  } else {
    address = place.peer.ReceiveText();
  }
  BusPtr bus = NewBus();
  Require(::sd_bus_set_address(bus.get(), address.c_str()), "sd_bus_set_address");
  Require(::sd_bus_set_bus_client(bus.get(), 1), "sd_bus_set_bus_client");
  Require(::sd_bus_start(bus.get()), "sd_bus_start");
  const char* name = nullptr;
  Require(::sd_bus_get_unique_name(bus.get(), &name), "sd_bus_get_unique_name");
  place.peer.SendText(name);
  const std::string other = place.peer.ReceiveText();
  return std::make_unique<DbusChannel>(place.peer, std::move(bus), other, std::move(daemon));
}

}  // namespace samehost::bench::menu
