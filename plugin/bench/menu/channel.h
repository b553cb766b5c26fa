// Channel: one end of a way to pass messages between two processes of one machine; what every
// mechanism of the menu implements (adapters/). Send gives a message of n bytes away, Receive gives
// the next one whole and in order; either waits without burning the processor, unless it is the
// mechanism's kind to spin.
//
// Owner: a side (side.h). One thread at a time, with those calls only. Failures throw BenchFailure;
// when the process at the other end dies, whoever waits for it (or waits next) gets PeerGone.
#ifndef SAMEHOST_PLUGIN_BENCH_MENU_CHANNEL_H_
#define SAMEHOST_PLUGIN_BENCH_MENU_CHANNEL_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "plugin/bench/bench_failure.h"

namespace samehost::bench::menu {

class PeerGone : public BenchFailure {
 public:
  PeerGone() : BenchFailure("the process at the other end has gone") {}
};

class Channel {
 public:
  Channel() = default;
  virtual ~Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Where this application keeps a message of `size` bytes that it is about to send. The bytes stay
  // as they are from call to call with one size, so that only what changes need be written.
  virtual std::span<std::byte> Buffer(size_t size) {
    buffer_.resize(size);
    return buffer_;
  }
  // `message` is what Buffer() returned last.
  virtual void Send(std::span<const std::byte> message) = 0;
  // Valid until the next call of Receive.
  virtual std::span<const std::byte> Receive() = 0;

  // Processes beside the two ends that work for them.
  virtual std::vector<pid_t> Brokers() const { return {}; }
  // Throws ProofFailure when the bytes did not go the way that the mechanism's name claims.
  virtual void Prove() {}

 private:
  std::vector<std::byte> buffer_;
};

}  // namespace samehost::bench::menu

#endif  // SAMEHOST_PLUGIN_BENCH_MENU_CHANNEL_H_
