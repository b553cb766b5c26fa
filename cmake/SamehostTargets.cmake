# samehost_library(NAME SOURCES... DEPS...): one folder of plugin/ as a static library.
function(samehost_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} Threads::Threads)
endfunction()

# samehost_optimize_at_link_time(NAME): for the path of every message, which runs through several folders. What
# it is linked into may be optimized as a whole, or not.
function(samehost_optimize_at_link_time name)
  if(CMAKE_BUILD_TYPE STREQUAL "Release" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${name} PRIVATE -flto=auto -ffat-lto-objects -fno-semantic-interposition)
    target_link_options(${name} PRIVATE -flto=auto)
    # Names of the compiler's own that link the parts would be random otherwise, and every build another one.
    get_target_property(sources ${name} SOURCES)
    foreach(source ${sources})
      if(source MATCHES "\\.(c|cc|cpp)$")
        string(REPLACE "${PROJECT_BINARY_DIR}/" "" seed "${source}")
        string(REPLACE "${PROJECT_SOURCE_DIR}/" "" seed "${seed}")
        set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS "-frandom-seed=${name}/${seed}")
      endif()
    endforeach()
  endif()
  # File by file, as it was measured; the linker joins them.
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
endfunction()

# samehost_install_target(TARGET COMPONENT [ARGUMENT...]): what install(TARGETS) takes after TARGET. Where TARGET is not
# built, it is left out, and said so; where only COMPONENT is being installed, that is an error.
function(samehost_install_target target component)
  if(NOT SAMEHOST_INSTALL)
    return()
  endif()
  install(CODE "
    if(NOT EXISTS \"$<TARGET_FILE:${target}>\")
      if(CMAKE_INSTALL_COMPONENT)
        message(FATAL_ERROR \"component ${component}: $<TARGET_FILE_NAME:${target}> is not built. Build target ${target} first.\")
      endif()
      message(STATUS \"Not installed, since it is not built: $<TARGET_FILE_NAME:${target}>\")
    endif()" COMPONENT ${component})
  install(TARGETS ${target} ${ARGN} COMPONENT ${component} OPTIONAL)
endfunction()

# samehost_tell_tsan_of_grpc(NAME): for every program that uses gRPC; does nothing but in a build with
# ThreadSanitizer (plugin/grpc/grpc_sync_for_tsan.cc).
function(samehost_tell_tsan_of_grpc name)
  if(TARGET grpc_sync_for_tsan)
    target_link_libraries(${name} PRIVATE grpc_sync_for_tsan)
  endif()
endfunction()

# samehost_unoptimized(NAME...): compiles them without optimization, which takes half the time: test programs that talk
# with samehost's libraries. A suite with samehost's inline code inside (base, shm, rendezvous, the unit suites of grpc
# and zmq) stays optimized, as that code is where it ships.
function(samehost_unoptimized)
  foreach(name ${ARGN})
    target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O0>)
  endforeach()
endfunction()

# Preset release compiles several files of a target as one (CMAKE_UNITY_BUILD), and headers that most files of a kind
# include are compiled once for all of them: the whole build takes half as long. The other presets compile each file
# alone, and those of the sanitizers without precompiled headers, which finds the file that forgets an #include.
set(SAMEHOST_STANDARD_HEADERS <algorithm> <atomic> <chrono> <filesystem> <fstream> <functional> <map> <memory> <mutex>
  <optional> <random> <set> <sstream> <string> <string_view> <thread> <utility> <vector>)

# samehost_precompiled(NAME HEADERS... DEPS...): the standard headers and these, for programs to share
# (target_precompile_headers(... REUSE_FROM NAME)). It is a program itself, since what is compiled for a program (-fPIE)
# cannot be used by a library (-fPIC); a library has its own.
function(samehost_precompiled name)
  cmake_parse_arguments(ARG "" "" "HEADERS;DEPS" ${ARGN})
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/empty_program.cc" CONTENT "int main() {}\n")
  add_executable(${name} EXCLUDE_FROM_ALL "${PROJECT_BINARY_DIR}/empty_program.cc")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} Threads::Threads)
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS} ${SAMEHOST_STANDARD_HEADERS})
endfunction()
if(SAMEHOST_BUILD_TESTS)
  samehost_precompiled(precompiled_gtest HEADERS <gtest/gtest.h> DEPS GTest::gtest)
endif()
if(SAMEHOST_BUILD_TESTS AND (SAMEHOST_GRPC OR SAMEHOST_ZMQ))
  find_package(nlohmann_json 3 REQUIRED)
  samehost_precompiled(precompiled_json_gtest HEADERS <gtest/gtest.h> <nlohmann/json.hpp>
    DEPS GTest::gtest nlohmann_json::nlohmann_json)
  samehost_unoptimized(precompiled_json_gtest)
endif()
if(SAMEHOST_BUILD_TESTS AND SAMEHOST_GRPC)
  set(grpc_headers <grpcpp/grpcpp.h> <grpcpp/generic/async_generic_service.h> <grpcpp/generic/generic_stub.h>)
  samehost_precompiled(precompiled_grpc HEADERS ${grpc_headers} DEPS gRPC::grpc++)
  samehost_precompiled(precompiled_grpc_gtest HEADERS ${grpc_headers} <gtest/gtest.h> DEPS gRPC::grpc++ GTest::gtest)
  samehost_unoptimized(precompiled_grpc precompiled_grpc_gtest)
endif()

# samehost_test(NAME SOURCES... DEPS... [TIMEOUT s] [LABELS...] [PRECOMPILED NAME]): one GoogleTest binary, one ctest
# entry per test case. Target tests-LABEL builds all tests of a label.
function(samehost_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT;PRECOMPILED" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT SAMEHOST_BUILD_TESTS)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  if(SAMEHOST_SANITIZE)
    math(EXPR ARG_TIMEOUT "8 * ${ARG_TIMEOUT}")  # a hang is a hang; the watchdogs know the tests' names
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gtest GTest::gtest_main)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12 warns of std::string's own code (its bug 105651) once its headers are precompiled.
    target_compile_options(${name} PRIVATE -Wno-stringop-overflow -Wno-stringop-overread)
  endif()
  # Of the libraries that are optimized at link time a test takes the ordinary code: it is linked much sooner.
  target_link_options(${name} PRIVATE -fno-lto)
  if(NOT ARG_PRECOMPILED)
    set(ARG_PRECOMPILED precompiled_gtest)
  endif()
  # A precompiled header serves only what is compiled with its own options; all but this one are unoptimized.
  if(NOT ARG_PRECOMPILED MATCHES "^(precompiled_gtest|NONE)$")
    samehost_unoptimized(${name})
  endif()
  if(NOT ARG_PRECOMPILED STREQUAL "NONE")
    target_precompile_headers(${name} REUSE_FROM ${ARG_PRECOMPILED})
  endif()
  samehost_tell_tsan_of_grpc(${name})  # folders below plugin/grpc come before it and know no gRPC
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
  foreach(label ${ARG_LABELS})
    if(NOT TARGET tests-${label})
      add_custom_target(tests-${label})
    endif()
    add_dependencies(tests-${label} ${name})
  endforeach()
endfunction()
