// Mapping owns one range of mapped memory and unmaps it. Move-only; any thread, one at a time.
// Errors: kSystem with mmap's errno, kInvalidArgument for sizes that are no multiple of a page.
#ifndef SAMEHOST_PLUGIN_BASE_MAPPING_H_
#define SAMEHOST_PLUGIN_BASE_MAPPING_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "plugin/base/result.h"

namespace samehost {

// Bytes of a page of this machine.
size_t PageBytes();

class Mapping {
 public:
  enum class Access { kRead, kReadWrite };
  struct Options {
    Access access = Access::kReadWrite;
    bool populate = false;  // fault all pages in now rather than at first touch
  };

  // Maps `bytes` of `fd` from `offset`, shared with whoever else maps them. Left out of core dumps.
  static Result<Mapping> Shared(int fd, uint64_t offset, size_t bytes, Options options);
  // Maps the same `bytes` twice in a row: data()[i] and data()[i + bytes] are one byte, so that a
  // ring's record is contiguous wherever it starts. size() is twice `bytes`.
  static Result<Mapping> Mirrored(int fd, uint64_t offset, size_t bytes, Options options);

  Mapping() = default;
  Mapping(Mapping&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Mapping& operator=(Mapping&& other) noexcept {
    if (this != &other) {
      Reset();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { Reset(); }

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  bool valid() const { return data_ != nullptr; }
  void Reset();

 private:
  Mapping(std::byte* data, size_t size) : data_(data), size_(size) {}

  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_MAPPING_H_
