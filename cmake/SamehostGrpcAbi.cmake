# Finds out whether the installed libgrpc was built with NDEBUG. Its internal structures have more
# fields without it, so whatever includes gRPC's internal headers must be compiled the same way; a
# mismatch would corrupt memory. The sign: without NDEBUG, CallCombiner::Start is told file and
# line (src/core/lib/iomgr/call_combiner.h).
#
# Sets SAMEHOST_GRPC_DEBUG_ABI: ON when the library was built without NDEBUG (as Debian does).
get_target_property(configuration gRPC::grpc IMPORTED_CONFIGURATIONS)
get_target_property(SAMEHOST_GRPC_LIBRARY gRPC::grpc "IMPORTED_LOCATION_${configuration}")
if(NOT CMAKE_NM)
  message(FATAL_ERROR "nm (package binutils) is needed to look at ${SAMEHOST_GRPC_LIBRARY}.")
endif()
execute_process(COMMAND "${CMAKE_NM}" -D -C --defined-only "${SAMEHOST_GRPC_LIBRARY}"
                COMMAND grep -F "grpc_core::CallCombiner::Start("
                OUTPUT_VARIABLE start ERROR_VARIABLE nm_error OUTPUT_STRIP_TRAILING_WHITESPACE)
if(start MATCHES "char const\\*, int, char const\\*\\)")
  set(SAMEHOST_GRPC_DEBUG_ABI ON)
elseif(start MATCHES "char const\\*\\)")
  set(SAMEHOST_GRPC_DEBUG_ABI OFF)
else()
  message(FATAL_ERROR
    "${SAMEHOST_GRPC_LIBRARY} does not export grpc_core::CallCombiner::Start, so it is not a shared "
    "libgrpc with its internal C++ symbols as Debian and Ubuntu build it. samehost cannot be built "
    "against it: install libgrpc-dev of the distribution. ${nm_error}")
endif()
if(SAMEHOST_GRPC_DEBUG_ABI)
  set(how "without NDEBUG")
else()
  set(how "with NDEBUG")
endif()
message(STATUS "gRPC ${gRPC_VERSION}, built ${how}: ${SAMEHOST_GRPC_LIBRARY}")
