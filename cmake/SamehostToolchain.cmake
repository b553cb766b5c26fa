# Compiler settings that every target shares.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
  if(PROJECT_IS_TOP_LEVEL)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
  endif()
endif()
# NDEBUG is never set here; SamehostGrpcAbi.cmake sets it where gRPC's internal headers need it.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g")
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -g -fno-omit-frame-pointer")

add_compile_options(-Wall -Wextra -Wno-unused-parameter)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns of std::string's own code (its bug 105651) once headers are precompiled.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-array-bounds>)
endif()
# Nothing that is installed names the folder it was built in (libzmq's assertions print __FILE__), so the same source
# gives the same bytes wherever it is built. Of two that fit the compiler takes the later one: a build folder may lie in
# the source's.
set(SAMEHOST_PREFIX_MAPS "-ffile-prefix-map=${PROJECT_SOURCE_DIR}=." "-ffile-prefix-map=${PROJECT_BINARY_DIR}=build")
add_compile_options(${SAMEHOST_PREFIX_MAPS})
add_link_options(${SAMEHOST_PREFIX_MAPS})  # what is optimized at link time is compiled there
if(SAMEHOST_SANITIZE)
  add_compile_options(-fsanitize=${SAMEHOST_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SAMEHOST_SANITIZE})
  if(SAMEHOST_SANITIZE MATCHES "thread")
    # The dynamic linker would give libgrpc our instrumented copies of its own inline functions, but not those of its
    # counters and locks that make them right.
    add_compile_options(-fvisibility-inlines-hidden)
  endif()
endif()
