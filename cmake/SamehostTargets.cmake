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
  endif()
endfunction()

# samehost_tell_tsan_of_grpc(NAME): for every program that uses gRPC; does nothing but in a build with
# ThreadSanitizer (plugin/grpc/grpc_sync_for_tsan.cc).
function(samehost_tell_tsan_of_grpc name)
  if(TARGET grpc_sync_for_tsan)
    target_link_libraries(${name} PRIVATE grpc_sync_for_tsan)
  endif()
endfunction()

# samehost_test(NAME SOURCES... DEPS... [TIMEOUT s] [LABELS...]): one GoogleTest binary, one ctest entry per
# test case. Target tests-LABEL builds all tests of a label.
function(samehost_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
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
