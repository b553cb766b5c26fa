#include "plugin/base/result.h"

#include <system_error>

namespace samehost {
namespace {

const char* Describe(ErrorCode code) {
  switch (code) {
    case ErrorCode::kSystem:
      return "system call failed";
    case ErrorCode::kInvalidArgument:
      return "invalid argument";
    case ErrorCode::kProtocol:
      return "the peer broke the protocol";
    case ErrorCode::kVersion:
      return "the peer speaks another protocol version";
    case ErrorCode::kRefused:
      return "refused";
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kTimeout:
      return "timed out";
    case ErrorCode::kClosed:
      return "closed";
    case ErrorCode::kNoMemory:
      return "memory is short";
    case ErrorCode::kUnsupported:
      return "not supported here";
  }
  return "unknown error";
}

}  // namespace

std::string ToString(const Error& error) {
  std::string text = error.operation;
  if (!text.empty()) text += ": ";
  // std::generic_category().message() is strerror() without its shared buffer.
  if (error.sys_errno != 0) return text + std::generic_category().message(error.sys_errno);
  return text + Describe(error.code);
}

}  // namespace samehost
