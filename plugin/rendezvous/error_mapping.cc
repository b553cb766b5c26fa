// Which FallbackReason an Error stands for.
#include <cerrno>

#include "plugin/rendezvous/rendezvous.h"

namespace samehost::rendezvous {
namespace {

FallbackReason OfSystemCall(int code) {
  switch (code) {
    case EMFILE:
    case ENFILE:
      return FallbackReason::kDescriptorsShort;
    case ENOMEM:
    case ENOBUFS:
    case ENOSPC:
      return FallbackReason::kMemoryShort;
    case ENOSYS:
      return FallbackReason::kKernelTooOld;
    default:
      return FallbackReason::kSystemError;
  }
}

FallbackReason ReasonOf(const Error& error) {
  switch (error.code) {
    case ErrorCode::kSystem:
      return OfSystemCall(error.sys_errno);
    case ErrorCode::kInvalidArgument:
      return FallbackReason::kBadRingParameters;
    case ErrorCode::kProtocol:
    case ErrorCode::kClosed:
      return FallbackReason::kHandshakeFailed;
    case ErrorCode::kVersion:
      return FallbackReason::kVersionMismatch;
    case ErrorCode::kRefused:
      // Announce() says ECANCELED when the user has switched samehost off.
      return error.sys_errno == ECANCELED ? FallbackReason::kSwitchedOff
                                          : FallbackReason::kDirectoryRefused;
    case ErrorCode::kNotFound:
      return FallbackReason::kNoRendezvousDirectory;
    case ErrorCode::kTimeout:
      return FallbackReason::kHandshakeTimeout;
    case ErrorCode::kNoMemory:
      return FallbackReason::kMemoryShort;
    case ErrorCode::kUnsupported:
      return FallbackReason::kKernelTooOld;
  }
  return FallbackReason::kSystemError;
}

}  // namespace

Fallback ToFallback(const Error& error) { return {ReasonOf(error), ToString(error)}; }

}  // namespace samehost::rendezvous
