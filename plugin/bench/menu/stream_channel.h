// StreamChannel: messages over descriptors that carry a stream of bytes: pipes, stream sockets. A
// message is its length, 8 bytes, and its bytes; both leave in one writev. Reads go through a small
// buffer, so that short messages that lie ready cost one read together.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_STREAM_CHANNEL_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_STREAM_CHANNEL_H_

#include <array>
#include <vector>

#include "plugin/base/unique_fd.h"
#include "plugin/bench/menu/channel.h"

namespace samehost::bench::menu {

class StreamChannel final : public Channel {
 public:
  // Blocking descriptors that tell by themselves when the other end has gone. `out` may be invalid:
  // then `in` is a socket and serves both ways.
  explicit StreamChannel(UniqueFd in, UniqueFd out = UniqueFd())
      : in_(std::move(in)), out_(std::move(out)) {}

  void Send(std::span<const std::byte> message) override;
  std::span<const std::byte> Receive() override;

 private:
  // Reads at least `at_least` bytes to `to` and more into the buffer, as far as they are there.
  void ReadMore(std::byte* to, size_t at_least);
  size_t TakeBuffered(std::byte* to, size_t size);

  UniqueFd in_, out_;
  std::array<std::byte, 16 * 1024> ahead_;
  size_t begin_ = 0, end_ = 0;  // of what lies in ahead_
  std::vector<std::byte> message_;
};

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_STREAM_CHANNEL_H_
