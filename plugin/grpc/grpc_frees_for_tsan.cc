// Memory that gRPC's libraries free, in a build with ThreadSanitizer.
//
// Nothing tells the order between the last owner of a counted object of the libraries, who frees
// it, and those who let go before: the counters are inlined atomics of code that is not
// instrumented. So a free() by the libraries themselves counts as no access; that their memory is
// not freed too early is for AddressSanitizer to see. This is all that is kept from
// ThreadSanitizer; every access of our own code counts, whoever called it.
#include <grpc/event_engine/memory_allocator.h>
#include <grpc/support/alloc.h>
#include <link.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include "plugin/grpc/next_for_tsan.h"
#include "plugin/grpc/tsan.h"
#include "src/core/lib/slice/slice.h"
#include "src/core/lib/slice/slice_refcount.h"

using samehost::grpc_transport::HandedOn;
using samehost::grpc_transport::NextOf;
using samehost::grpc_transport::Plain;
using samehost::grpc_transport::TakenOver;

extern "C" void AnnotateIgnoreWritesBegin(const char* file, int line);
extern "C" void AnnotateIgnoreWritesEnd(const char* file, int line);

namespace {

// Where the code of gRPC's libraries lies.
class Libraries {
 public:
  static bool Contain(const void* address) {
    static const Libraries libraries;
    const auto at = reinterpret_cast<uintptr_t>(address);
    const Range* end = libraries.ranges_ + libraries.size_;
    const Range* after =
        std::upper_bound(libraries.ranges_, end, at,
                         [](uintptr_t a, const Range& range) { return a < range.begin; });
    return after != libraries.ranges_ && at < after[-1].end;
  }

 private:
  struct Range {
    uintptr_t begin, end;
  };
  static constexpr size_t kMost = 256;

  Libraries() {
    dl_iterate_phdr(
        [](dl_phdr_info* info, size_t, void* self) {
          static_cast<Libraries*>(self)->Add(*info);
          return 0;
        },
        this);
    std::sort(ranges_, ranges_ + size_,
              [](const Range& a, const Range& b) { return a.begin < b.begin; });
  }
  void Add(const dl_phdr_info& info) {
    const char* slash = strrchr(info.dlpi_name, '/');
    const std::string_view name = slash != nullptr ? slash + 1 : info.dlpi_name;
    bool is_one = false;
    for (const char* prefix : {"libgrpc", "libgpr.", "libabsl_", "libupb."}) {
      is_one = is_one || name.starts_with(prefix);
    }
    for (int i = 0; is_one && i < info.dlpi_phnum && size_ < kMost; ++i) {
      const auto& header = info.dlpi_phdr[i];
      if (header.p_type != PT_LOAD || !(header.p_flags & PF_X)) continue;
      const uintptr_t begin = info.dlpi_addr + header.p_vaddr;
      ranges_[size_++] = {begin, begin + header.p_memsz};
    }
  }

  Range ranges_[kMost];
  size_t size_ = 0;
};

// While it lives, and `caller` is code of the libraries, free() counts as no access of this thread.
class FreedByLibrary {
 public:
  explicit FreedByLibrary(const void* caller) : applies_(Libraries::Contain(caller)) {
    if (applies_) AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~FreedByLibrary() {
    if (applies_) AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
  }
  FreedByLibrary(const FreedByLibrary&) = delete;
  FreedByLibrary& operator=(const FreedByLibrary&) = delete;

 private:
  const bool applies_;
};

}  // namespace

void operator delete(void* memory) noexcept {
  static const auto next = NextOf(static_cast<void (*)(void*) noexcept>(&::operator delete));
  const FreedByLibrary scope(__builtin_return_address(0));
  next(memory);
}

void operator delete(void* memory, size_t size) noexcept {
  static const auto next =
      NextOf(static_cast<void (*)(void*, size_t) noexcept>(&::operator delete));
  const FreedByLibrary scope(__builtin_return_address(0));
  next(memory, size);
}

void operator delete[](void* memory) noexcept {
  static const auto next = NextOf(static_cast<void (*)(void*) noexcept>(&::operator delete[]));
  const FreedByLibrary scope(__builtin_return_address(0));
  next(memory);
}

void operator delete[](void* memory, size_t size) noexcept {
  static const auto next =
      NextOf(static_cast<void (*)(void*, size_t) noexcept>(&::operator delete[]));
  const FreedByLibrary scope(__builtin_return_address(0));
  next(memory, size);
}

void gpr_free(void* memory) {
  static const auto next = NextOf(&gpr_free);
  const FreedByLibrary scope(__builtin_return_address(0));
  next(memory);
}

namespace {

// A slice of a memory quota, which gRPC gives back with free() itself.
struct QuotaSlice : grpc_slice_refcount {
  explicit QuotaSlice(const grpc_slice& slice) : grpc_slice_refcount(Destroy), slice(slice) {}
  static void Destroy(grpc_slice_refcount* base) {
    const std::unique_ptr<QuotaSlice> self(static_cast<QuotaSlice*>(base));
    TakenOver(self.get());
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    grpc_core::CSliceUnref(self->slice);
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
  }
  const grpc_slice slice;
};

}  // namespace

grpc_slice grpc_event_engine::experimental::MemoryAllocator::MakeSlice(MemoryRequest request) {
  static const auto next = NextOf(Plain(&MemoryAllocator::MakeSlice));
  grpc_slice slice = next(this, request);
  if (slice.refcount == nullptr) return slice;
  auto* counted = new QuotaSlice(slice);
  slice.refcount = counted;
  HandedOn(counted);
  return slice;
}
