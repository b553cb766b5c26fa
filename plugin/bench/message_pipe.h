// One end of a socket pair between the controller and a worker process: JSON values, as CBOR behind
// a 4-byte length, so that samples travel as plain bytes. It carries commands and results before
// and after a measurement, never during one. Blocking; one thread at a time; throws BenchFailure.
#ifndef SAMEHOST_PLUGIN_BENCH_MESSAGE_PIPE_H_
#define SAMEHOST_PLUGIN_BENCH_MESSAGE_PIPE_H_

#include <nlohmann/json.hpp>
#include <optional>

#include "plugin/base/unique_fd.h"

namespace samehost::bench {

class MessagePipe {
 public:
  explicit MessagePipe(UniqueFd fd) : fd_(std::move(fd)) {}

  void Send(const nlohmann::json& value);
  // Nothing when the other end is closed.
  std::optional<nlohmann::json> Receive();

 private:
  bool ReadExactly(void* data, size_t size);
  void WriteAll(const void* data, size_t size);

  UniqueFd fd_;
};

}  // namespace samehost::bench

#endif  // SAMEHOST_PLUGIN_BENCH_MESSAGE_PIPE_H_
