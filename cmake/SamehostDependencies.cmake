# What comes from the distribution, and the headers of gRPC's own source package.
find_package(Threads REQUIRED)
if(SAMEHOST_BUILD_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
# By gRPC's CMake package: pkg-config takes more than 20 seconds for grpc++ and its 100 libraries.
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
include(SamehostGrpcAbi)

# The internal headers of exactly the installed version (scripts/fetch-sources).
set(SAMEHOST_GRPC_SOURCE_DIR "${PROJECT_SOURCE_DIR}/.deps/grpc-${gRPC_VERSION}"
    CACHE PATH "gRPC's source tree, for its internal headers")
if(NOT EXISTS "${SAMEHOST_GRPC_SOURCE_DIR}/src/core/lib/transport/transport_impl.h")
  message(FATAL_ERROR
    "gRPC's internal headers are missing in ${SAMEHOST_GRPC_SOURCE_DIR}.\n"
    "Run scripts/fetch-sources first (./demo and ./test do it by themselves).")
endif()
add_library(grpc_internal INTERFACE)
target_include_directories(grpc_internal SYSTEM BEFORE INTERFACE
  "${SAMEHOST_GRPC_SOURCE_DIR}"
  "${SAMEHOST_GRPC_SOURCE_DIR}/include"
  "${SAMEHOST_GRPC_SOURCE_DIR}/src/core/ext/upb-generated"
  "${SAMEHOST_GRPC_SOURCE_DIR}/src/core/ext/upbdefs-generated"
  "${SAMEHOST_GRPC_SOURCE_DIR}/third_party/upb")
target_link_libraries(grpc_internal INTERFACE gRPC::grpc++)
# As the installed library was built, whatever the build type or the user's flags say: without
# ThreadSanitizer (grpc_core::CallCombiner has more fields with it) and with its own NDEBUG.
target_compile_definitions(grpc_internal INTERFACE GRPC_TSAN_SUPPRESSED)
if(SAMEHOST_GRPC_DEBUG_ABI)
  target_compile_options(grpc_internal INTERFACE -UNDEBUG)
else()
  target_compile_options(grpc_internal INTERFACE -DNDEBUG)
endif()
