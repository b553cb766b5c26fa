# gRPC of the distribution, and the headers of its own source package.
#
# By gRPC's CMake package: pkg-config takes more than 20 seconds for grpc++ and its 100 libraries.
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
include(SamehostGrpcAbi)

# The internal headers of exactly the installed version.
set(SAMEHOST_GRPC_SOURCE_DIR "${PROJECT_SOURCE_DIR}/.deps/grpc-${gRPC_VERSION}"
    CACHE PATH "gRPC's source tree, for its internal headers")
samehost_fetch_source(grpc "${SAMEHOST_GRPC_SOURCE_DIR}/src/core/lib/transport/transport_impl.h")
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

# grpc_version_string() of the library whose headers are used; no header says it.
file(STRINGS "${SAMEHOST_GRPC_SOURCE_DIR}/build_handwritten.yaml" core_version REGEX "^ *core_version: ")
string(REGEX REPLACE "^ *core_version: *" "" SAMEHOST_GRPC_CORE_VERSION "${core_version}")
# The name under which programs need libgrpc.
get_target_property(configuration gRPC::grpc IMPORTED_CONFIGURATIONS)
get_target_property(SAMEHOST_GRPC_SONAME gRPC::grpc "IMPORTED_SONAME_${configuration}")
get_filename_component(SAMEHOST_GRPC_SONAME "${SAMEHOST_GRPC_SONAME}" NAME)
if(NOT SAMEHOST_GRPC_SONAME)
  message(FATAL_ERROR "gRPC's CMake package does not tell the name of libgrpc that programs need.")
endif()
