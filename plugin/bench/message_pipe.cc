#include "plugin/bench/message_pipe.h"

#include <sys/socket.h>

#include <cstdint>

#include "plugin/bench/bench_failure.h"

namespace samehost::bench {

void MessagePipe::Send(const nlohmann::json& value) {
  const std::vector<uint8_t> bytes = nlohmann::json::to_cbor(value);
  const auto size = static_cast<uint32_t>(bytes.size());
  WriteAll(&size, sizeof(size));
  WriteAll(bytes.data(), bytes.size());
}

std::optional<nlohmann::json> MessagePipe::Receive() {
  uint32_t size = 0;
  if (!ReadExactly(&size, sizeof(size))) return std::nullopt;
  std::vector<uint8_t> bytes(size);
  if (!ReadExactly(bytes.data(), bytes.size())) return std::nullopt;
  return nlohmann::json::from_cbor(bytes);
}

bool MessagePipe::ReadExactly(void* data, size_t size) {
  auto* at = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t got = ::recv(fd_.get(), at, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) throw BenchFailure("no answer from the other process in time");
    if (got < 0 && errno != ECONNRESET) FailErrno("read from the other process");
    if (got <= 0) return false;
    at += got;
    size -= got;
  }
  return true;
}

void MessagePipe::WriteAll(const void* data, size_t size) {
  const auto* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t sent = ::send(fd_.get(), at, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) FailErrno("write to the other process");
    at += sent;
    size -= sent;
  }
}

}  // namespace samehost::bench
