#include "plugin/bench/menu/stream_channel.h"

#include <sys/uio.h>

#include <algorithm>
#include <cstring>

namespace samehost::bench::menu {

void StreamChannel::Send(std::span<const std::byte> message) {
  uint64_t size = message.size();
  iovec parts[] = {{&size, sizeof(size)}, {const_cast<std::byte*>(message.data()), message.size()}};
  iovec* part = parts;
  int count = message.empty() ? 1 : 2;
  while (count > 0) {
    ssize_t sent = ::writev(out_.valid() ? out_.get() : in_.get(), part, count);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && (errno == EPIPE || errno == ECONNRESET)) throw PeerGone();
    if (sent < 0) FailErrno("write");
    while (count > 0 && static_cast<size_t>(sent) >= part->iov_len) {
      sent -= static_cast<ssize_t>(part->iov_len);
      ++part;
      --count;
    }
    if (count > 0) {
      part->iov_base = static_cast<std::byte*>(part->iov_base) + sent;
      part->iov_len -= static_cast<size_t>(sent);
    }
  }
}

size_t StreamChannel::TakeBuffered(std::byte* to, size_t size) {
  const size_t take = std::min(size, end_ - begin_);
  if (take == 0) return 0;
  std::memcpy(to, ahead_.data() + begin_, take);
  begin_ += take;
  return take;
}

void StreamChannel::ReadMore(std::byte* to, size_t at_least) {
  while (at_least > 0) {
    iovec parts[] = {{to, at_least}, {ahead_.data(), ahead_.size()}};
    const ssize_t got = ::readv(in_.get(), parts, 2);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != ECONNRESET) FailErrno("read");
    if (got <= 0) throw PeerGone();
    const size_t here = std::min(static_cast<size_t>(got), at_least);
    to += here;
    at_least -= here;
    begin_ = 0;
    end_ = static_cast<size_t>(got) - here;
  }
}

std::span<const std::byte> StreamChannel::Receive() {
  uint64_t size = 0;
  auto* to = reinterpret_cast<std::byte*>(&size);
  size_t taken = TakeBuffered(to, sizeof(size));
  ReadMore(to + taken, sizeof(size) - taken);
  message_.resize(size);
  taken = TakeBuffered(message_.data(), size);
  ReadMore(message_.data() + taken, size - taken);
  return message_;
}

}  // namespace samehost::bench::menu
