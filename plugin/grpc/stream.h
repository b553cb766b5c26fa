// Stream: one call's state in the transport. Lives in the call's memory (gRPC allocates
// sizeof_stream bytes); everything here is guarded by Transport::mu_.
#ifndef SAMEHOST_PLUGIN_GRPC_STREAM_H_
#define SAMEHOST_PLUGIN_GRPC_STREAM_H_

#include <grpc/support/port_platform.h>

#include <cstdint>
#include <memory>
#include <string>

#include "src/core/lib/slice/slice_buffer.h"
#include "src/core/lib/transport/metadata_batch.h"
#include "src/core/lib/transport/transport.h"

namespace samehost::grpc_transport {

class Transport;

// Message bytes that a sender may have under way before the receiver's application took them.
inline constexpr int64_t kInitialCredit = 128 * 1024;

// A message on its way up: complete, or being put together.
struct IncomingMessage {
  grpc_core::SliceBuffer data;
  uint32_t size = 0;      // total, as announced
  uint32_t received = 0;  // so far
  uint32_t flags = 0;
  std::unique_ptr<IncomingMessage> next;
};

// Where the application's view of received metadata comes from.
enum class Published : uint8_t { kNot, kFromWire, kSynthesized, kAtClose };

struct Stream {
  Stream(Transport* transport, grpc_stream_refcount* refcount, grpc_core::Arena* arena)
      : transport(transport),
        refcount(refcount),
        arena(arena),
        initial_buffer(arena),
        trailing_buffer(arena) {}
  ~Stream();

  Transport* const transport;
  grpc_stream_refcount* const refcount;
  grpc_core::Arena* const arena;
  uint64_t id = 0;  // 0: a client stream that waits for MAX_CONCURRENT_STREAMS
  grpc_core::Timestamp deadline = grpc_core::Timestamp::InfFuture();

  // ---- Sending. A non-null *_done means that operation is under way.
  grpc_metadata_batch* send_initial = nullptr;
  grpc_closure* initial_done = nullptr;
  grpc_metadata_batch* send_trailing = nullptr;
  grpc_closure* trailing_done = nullptr;
  bool* trailing_sent = nullptr;
  grpc_core::SliceBuffer message;  // what is left to send of the message
  grpc_closure* message_done = nullptr;
  bool message_begun = false;
  size_t copy_bytes = 0;  // of the message, that are copied even if they lie in an arena
  uint32_t message_size = 0;
  uint32_t message_flags = 0;
  bool initial_was_sent = false;
  bool trailing_was_sent = false;
  int64_t send_credit = kInitialCredit;
  std::string encoded;  // metadata too large for one record, being sent in pieces
  size_t encoded_sent = 0;

  // ---- Receiving. A non-null closure means that operation is under way.
  grpc_closure* recv_initial_ready = nullptr;
  grpc_metadata_batch* recv_initial = nullptr;
  bool* trailing_available = nullptr;
  grpc_closure* recv_message_ready = nullptr;
  absl::optional<grpc_core::SliceBuffer>* recv_message = nullptr;
  uint32_t* recv_flags = nullptr;
  bool* failed_before_recv_message = nullptr;
  grpc_closure* recv_trailing_ready = nullptr;
  grpc_metadata_batch* recv_trailing = nullptr;
  grpc_transport_stream_stats* collect_stats = nullptr;
  bool final_metadata_requested = false;

  grpc_metadata_batch initial_buffer;
  grpc_metadata_batch trailing_buffer;
  std::string initial_pieces, trailing_pieces;  // metadata that comes in several frames
  Published initial_published = Published::kNot;
  Published trailing_published = Published::kNot;
  bool trailers_only = false;
  std::unique_ptr<IncomingMessage> first_message;  // complete, in order
  IncomingMessage* last_message = nullptr;
  std::unique_ptr<IncomingMessage> partial;  // begun, not complete
  grpc_slice assembling = {};                // where a large message is being copied together
  uint32_t assembled = 0;
  int64_t granted = kInitialCredit;  // what the peer may still send
  int64_t buffered = 0;              // received, not yet taken by the application

  // ---- State
  bool read_closed = false;
  bool write_closed = false;
  grpc_error_handle read_closed_error;
  grpc_error_handle write_closed_error;
  bool seen_error = false;
  bool waits_for_concurrency = false;
  bool waits_for_room = false;
  grpc_transport_stream_stats stats;
};

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_STREAM_H_
