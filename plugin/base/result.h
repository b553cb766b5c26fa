// Result<T>: a value or an Error, for everything that can fail for reasons outside the program.
// Full, empty and "not there" are ordinary values, never errors. No exceptions are used.
#ifndef SAMEHOST_PLUGIN_BASE_RESULT_H_
#define SAMEHOST_PLUGIN_BASE_RESULT_H_

#include <cerrno>
#include <string>
#include <utility>
#include <variant>

namespace samehost {

// What kind of failure it was; callers branch on this and never on text.
enum class ErrorCode {
  kSystem,           // a system call failed; see sys_errno
  kInvalidArgument,  // the caller's value is out of range
  kProtocol,         // the peer sent something it must not send
  kVersion,          // the peer speaks another protocol version
  kRefused,          // policy (ours or the peer's) says no
  kNotFound,         // nothing there
  kTimeout,          // a bound passed
  kClosed,           // the peer or the object is gone
  kNoMemory,         // memory (or cgroup headroom) is short
  kUnsupported,      // the kernel lacks a feature
};

struct Error {
  ErrorCode code = ErrorCode::kSystem;
  int sys_errno = 0;  // 0 when no system call failed
  std::string
      operation;  // what was being done, with the object's name: "connect /run/samehost/..."
};

// One line for a log or a user: "connect /run/x: Connection refused".
std::string ToString(const Error& error);

// Error from errno, right after the failed call.
inline Error SystemError(std::string operation, int sys_errno = errno) {
  return Error{ErrorCode::kSystem, sys_errno, std::move(operation)};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  // Require ok().
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  // Requires !ok().
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : error_(std::move(error)), ok_(false) {}
  bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  const Error& error() const { return error_; }

 private:
  Error error_;
  bool ok_ = true;
};

using Status = Result<void>;

}  // namespace samehost

#endif  // SAMEHOST_PLUGIN_BASE_RESULT_H_
