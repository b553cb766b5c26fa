// Messages as the generic APIs carry them.
#ifndef SAMEHOST_PLUGIN_TESTS_HARNESS_GENERIC_MESSAGE_H_
#define SAMEHOST_PLUGIN_TESTS_HARNESS_GENERIC_MESSAGE_H_

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/byte_buffer.h>

#include "plugin/tests/behaviour.pb.h"

namespace samehost::testing {

inline grpc::ByteBuffer ToBytes(const behaviour::Request& request) {
  grpc::ByteBuffer bytes;
  bool own_buffer = false;
  (void)grpc::SerializationTraits<behaviour::Request>::Serialize(request, &bytes, &own_buffer);
  return bytes;
}

// What does not parse is an empty reply. A generic server echoes requests; their `payload` has the
// same field number.
inline behaviour::Reply FromBytes(grpc::ByteBuffer* bytes) {
  behaviour::Reply reply;
  (void)grpc::SerializationTraits<behaviour::Reply>::Deserialize(bytes, &reply);
  return reply;
}

}  // namespace samehost::testing

#endif  // SAMEHOST_PLUGIN_TESTS_HARNESS_GENERIC_MESSAGE_H_
