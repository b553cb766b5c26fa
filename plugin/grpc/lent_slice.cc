#include "plugin/grpc/lent_slice.h"

#include <utility>

#include "plugin/grpc/tsan.h"
#include "src/core/lib/slice/slice_refcount.h"

namespace samehost::grpc_transport {
namespace {

struct LentRefcount : grpc_slice_refcount {
  LentRefcount(shm::Lease lease, grpc_core::MemoryAllocator::Reservation reservation)
      : grpc_slice_refcount(Destroy),
        lease(std::move(lease)),
        reservation(std::move(reservation)) {}
  static void Destroy(grpc_slice_refcount* self) {
    TakenOver(self);
    delete static_cast<LentRefcount*>(self);
  }
  shm::Lease lease;
  grpc_core::MemoryAllocator::Reservation reservation;
};

}  // namespace

grpc_core::Slice MakeLentSlice(shm::Lease lease, std::span<const std::byte> bytes,
                               grpc_core::MemoryAllocator::Reservation reservation) {
  grpc_slice slice;
  slice.refcount = new LentRefcount(std::move(lease), std::move(reservation));
  slice.data.refcounted.bytes =
      const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(bytes.data()));
  slice.data.refcounted.length = bytes.size();
  HandedOn(slice.refcount);
  return grpc_core::Slice(slice);
}

}  // namespace samehost::grpc_transport
