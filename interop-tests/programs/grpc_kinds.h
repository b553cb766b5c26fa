// TryKinds: every kind of call, metadata, deadlines and errors, once each.
#ifndef SAMEHOST_INTEROP_TESTS_PROGRAMS_GRPC_KINDS_H_
#define SAMEHOST_INTEROP_TESTS_PROGRAMS_GRPC_KINDS_H_

#include <nlohmann/json.hpp>

#include "interop-tests/programs/interop.grpc.pb.h"

namespace samehost::interop {

// {case: "ok" or what was wrong}. The clients in other languages try the same cases.
nlohmann::json TryKinds(Interop::Stub* stub);

}  // namespace samehost::interop

#endif  // SAMEHOST_INTEROP_TESTS_PROGRAMS_GRPC_KINDS_H_
