#include "plugin/bench/menu/peer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

#include "plugin/bench/menu/channel.h"

namespace samehost::bench::menu {
namespace {

constexpr size_t kMaxText = 4096;
constexpr size_t kMaxFds = 8;

// Receives one packet; what it carries goes to `fds`.
std::string ReceivePacket(int socket, std::vector<UniqueFd>* fds) {
  std::string text(kMaxText, '\0');
  iovec part{text.data(), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxFds * sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t got;
  while ((got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  if (got < 0 && errno != ECONNRESET) FailErrno("receive from the other end");
  if (got <= 0) throw PeerGone();
  for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
    const size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(at) + i * sizeof(int), sizeof(fd));
      fds->emplace_back(fd);
    }
  }
  text.resize(static_cast<size_t>(got));
  return text;
}

}  // namespace

std::pair<UniqueFd, UniqueFd> Peer::Pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) FailErrno("socketpair");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

void Peer::Send(const std::string& text, std::initializer_list<int> fds) {
  iovec part{const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxFds * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fds.size() > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), fds.begin(), fds.size() * sizeof(int));
  }
  if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL) >= 0) return;
  if (errno == EPIPE || errno == ECONNRESET) throw PeerGone();
  FailErrno("send to the other end");
}

std::string Peer::ReceiveText() {
  std::vector<UniqueFd> none;
  return ReceivePacket(socket_.get(), &none);
}

std::vector<UniqueFd> Peer::ReceiveFds(size_t count) {
  std::vector<UniqueFd> fds;
  ReceivePacket(socket_.get(), &fds);
  if (fds.size() != count) throw BenchFailure("the other end sent a wrong number of descriptors");
  return fds;
}

void Peer::Meet() {
  SendText("here");
  ReceiveText();
}

pid_t Peer::ExchangePids() {
  SendText(std::to_string(::getpid()));
  return std::stoi(ReceiveText());
}

bool Peer::LooksGone() const {
  pollfd entry{socket_.get(), POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) > 0;
}

void Peer::Require() const {
  if (gone()) throw PeerGone();
}

void Peer::Watch(std::function<void()> wake) {
  stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
  watch_ = std::thread([this, wake = std::move(wake)] {
    // Not POLLIN: the two ends may still be meeting.
    pollfd entries[] = {{socket_.get(), POLLRDHUP, 0}, {stop_.get(), POLLIN, 0}};
    while (::poll(entries, 2, -1) < 0) {
    }
    if (entries[1].revents != 0) return;
    gone_.store(true, std::memory_order_release);  // SYNC(gone)
    wake();
  });
}

void Peer::StopWatch() {
  if (!watch_.joinable()) return;
  const uint64_t one = 1;
  if (::write(stop_.get(), &one, sizeof(one)) != sizeof(one)) FailErrno("stop the watch");
  watch_.join();
}

}  // namespace samehost::bench::menu
