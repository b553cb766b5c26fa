// Metadata on the wire: a run of {tag, value}; well-known keys are one byte, others carry their
// name.
//
// Everything decoded is copied out of shared memory and checked first. Owner: one codec per
// direction of a transport (it remembers recent values so that repeated ones cost no allocation).
// Threads: guarded by the transport's locks.
#ifndef SAMEHOST_PLUGIN_GRPC_METADATA_CODEC_H_
#define SAMEHOST_PLUGIN_GRPC_METADATA_CODEC_H_

#include <grpc/support/port_platform.h>

#include <cstddef>
#include <span>
#include <string>

#include "src/core/lib/channel/channel_args.h"
#include "src/core/lib/transport/metadata_batch.h"

namespace samehost::grpc_transport {

// Appends the encoded batch to `out`. Deadlines become durations from now. Returns the batch's size
// as HTTP/2 counts it (RFC 9113, 6.5.2: names + values + 32 an entry).
size_t EncodeMetadata(const grpc_metadata_batch& batch, std::string* out);

// The user-agent that gRPC's HTTP client filter would send, encoded; `args` are the channel's.
std::string EncodedUserAgent(const grpc_core::ChannelArgs& args);

class MetadataDecoder {
 public:
  enum class Outcome { kOk, kMalformed, kTooLarge };
  // Decodes `bytes` (private memory) into `batch`. kTooLarge: more than `limit` as HTTP/2 counts;
  // `batch` is empty then.
  Outcome Decode(absl::string_view bytes, size_t limit, grpc_metadata_batch* batch, size_t* size);

 private:
  // The last value seen for a well-known key, shared with the calls that carried it.
  struct Recent {
    grpc_core::Slice slice;
    grpc_core::Slice Share(absl::string_view value);
  };
  Recent path_, authority_, user_agent_;
};

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_METADATA_CODEC_H_
