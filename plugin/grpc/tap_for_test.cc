#include "plugin/grpc/tap_for_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdlib>

namespace samehost::grpc_transport::testing {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

bool SendAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

}  // namespace

Tap::Tap(int server_port)
    : server_port_(server_port), listening_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listening_.get(), generic, length) != 0 || listen(listening_.get(), 16) != 0 ||
      getsockname(listening_.get(), generic, &length) != 0) {
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { Accept(); });
}

Tap::~Tap() {
  stopping_.store(true, std::memory_order_relaxed);  // shutdown() below orders it
  shutdown(listening_.get(), SHUT_RDWR);
  accepting_.join();
  {
    std::lock_guard lock(mutex_);
    for (const int fd : open_) shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& pump : pumps_) pump.join();
}

std::string Tap::from_clients() const {
  std::lock_guard lock(mutex_);
  return from_clients_;
}

void Tap::Accept() {
  while (!stopping_.load(std::memory_order_relaxed)) {  // a hint; accept fails after shutdown
    const int client = accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    std::lock_guard lock(mutex_);
    open_.push_back(client);
    pumps_.emplace_back([this, client] { Pump(client); });
  }
}

// Both directions on one thread until either side ends.
void Tap::Pump(int client) {
  const UniqueFd client_fd(client);
  const UniqueFd server_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = Loopback(server_port_);
  bool open =
      connect(server_fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  char buffer[16384];
  while (open) {
    pollfd fds[2] = {{client, POLLIN, 0}, {server_fd.get(), POLLIN, 0}};
    if (poll(fds, 2, -1) < 0) break;
    for (int side = 0; side < 2 && open; ++side) {
      if (fds[side].revents == 0) continue;
      const ssize_t size = recv(fds[side].fd, buffer, sizeof(buffer), 0);
      if (size <= 0) {
        open = false;
        break;
      }
      if (side == 0) {
        std::lock_guard lock(mutex_);
        from_clients_.append(buffer, static_cast<size_t>(size));
      }
      open = SendAll(fds[1 - side].fd, buffer, static_cast<size_t>(size));
    }
  }
  shutdown(server_fd.get(), SHUT_RDWR);
  std::lock_guard lock(mutex_);
  std::erase(open_, client);
}

}  // namespace samehost::grpc_transport::testing
