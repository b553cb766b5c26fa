// A slice that points into the ring: zero-copy receive. The memory goes back to the link when gRPC
// drops its last reference, on whatever thread, even after the link has died or in a forked child.
#ifndef SAMEHOST_PLUGIN_GRPC_LENT_SLICE_H_
#define SAMEHOST_PLUGIN_GRPC_LENT_SLICE_H_

#include <grpc/support/port_platform.h>

#include <cstddef>
#include <span>

#include "plugin/shm/link.h"
#include "src/core/lib/resource_quota/memory_quota.h"
#include "src/core/lib/slice/slice.h"

namespace samehost::grpc_transport {

// `reservation` counts the bytes against the resource quota.
grpc_core::Slice MakeLentSlice(shm::Lease lease, std::span<const std::byte> bytes,
                               grpc_core::MemoryAllocator::Reservation reservation = {});

}  // namespace samehost::grpc_transport

#endif  // SAMEHOST_PLUGIN_GRPC_LENT_SLICE_H_
