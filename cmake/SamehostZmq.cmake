# libzmq's own source, patched, in a tree of its own: ${SAMEHOST_ZMQ_TREE}, made again whenever a patch changes. The
# source is that of the installed libzmq3-dev, or any 4.3.4 or 4.3.5 that SAMEHOST_ZMQ_SOURCE_DIR names; the library's
# version is the source's.
#
# The patches and what is built from them stay under libzmq's own licence (plugin/zmq/patches/README.md).
find_package(PkgConfig REQUIRED)
pkg_check_modules(STOCK_ZMQ REQUIRED IMPORTED_TARGET libzmq)
# What Debian builds its library with.
pkg_check_modules(ZMQ_NEEDS REQUIRED openpgm-5.3 libsodium norm krb5-gssapi libbsd)
find_program(SAMEHOST_PATCH patch REQUIRED)

set(SAMEHOST_ZMQ_SOURCE_DIR "${PROJECT_SOURCE_DIR}/.deps/zeromq3-${STOCK_ZMQ_VERSION}"
    CACHE PATH "libzmq's source tree")
samehost_fetch_source(zmq "${SAMEHOST_ZMQ_SOURCE_DIR}/src/pipe.cpp")

# zmq_version() is in the header; the version of the file in configure.ac, as libtool's current:revision:age.
set(SAMEHOST_ZMQ_VERSION "")
foreach(part MAJOR MINOR PATCH)
  file(STRINGS "${SAMEHOST_ZMQ_SOURCE_DIR}/include/zmq.h" line REGEX "^#define ZMQ_VERSION_${part} ")
  string(REGEX MATCH "[0-9]+" number "${line}")
  list(APPEND SAMEHOST_ZMQ_VERSION "${number}")
endforeach()
list(JOIN SAMEHOST_ZMQ_VERSION "." SAMEHOST_ZMQ_VERSION)
file(STRINGS "${SAMEHOST_ZMQ_SOURCE_DIR}/configure.ac" line REGEX "^LTVER=")
if(NOT line MATCHES "\"([0-9]+):([0-9]+):([0-9]+)\"")
  message(FATAL_ERROR "${SAMEHOST_ZMQ_SOURCE_DIR}/configure.ac does not tell the library's version (LTVER): is this "
    "the source of libzmq?")
endif()
math(EXPR soversion "${CMAKE_MATCH_1} - ${CMAKE_MATCH_3}")
set(SAMEHOST_ZMQ_FILE_VERSION "${soversion}.${CMAKE_MATCH_3}.${CMAKE_MATCH_2}")
if(NOT soversion EQUAL 5)
  message(FATAL_ERROR "${SAMEHOST_ZMQ_SOURCE_DIR} makes libzmq.so.${soversion}, samehost serves libzmq.so.5")
endif()

set(SAMEHOST_ZMQ_TREE "${PROJECT_BINARY_DIR}/libzmq")
file(GLOB patches CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/plugin/zmq/patches/*.patch")
set(state "${SAMEHOST_ZMQ_SOURCE_DIR}")
foreach(patch ${patches})
  set_property(DIRECTORY "${PROJECT_SOURCE_DIR}" APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${patch}")
  file(SHA256 "${patch}" sum)
  string(APPEND state "\n${sum}")
endforeach()
set(made "")
if(EXISTS "${SAMEHOST_ZMQ_TREE}/.patched")
  file(READ "${SAMEHOST_ZMQ_TREE}/.patched" made)
endif()
if(NOT made STREQUAL state)
  # Beside the old tree first: files that come out the same keep their times, and are not compiled again.
  set(fresh "${SAMEHOST_ZMQ_TREE}.new")
  file(REMOVE_RECURSE "${fresh}")
  foreach(folder src include external tests)
    file(COPY "${SAMEHOST_ZMQ_SOURCE_DIR}/${folder}" DESTINATION "${fresh}")
  endforeach()
  foreach(patch ${patches})
    execute_process(COMMAND "${SAMEHOST_PATCH}" --forward --no-backup-if-mismatch -p1 -i "${patch}"
      WORKING_DIRECTORY "${fresh}" RESULT_VARIABLE failed OUTPUT_VARIABLE said ERROR_VARIABLE said)
    if(failed)
      message(FATAL_ERROR "${patch} does not apply to libzmq ${SAMEHOST_ZMQ_VERSION}:\n${said}")
    endif()
  endforeach()
  file(GLOB_RECURSE files RELATIVE "${fresh}" "${fresh}/*")
  foreach(file ${files})
    file(COPY_FILE "${fresh}/${file}" "${SAMEHOST_ZMQ_TREE}/${file}" RESULT failed ONLY_IF_DIFFERENT)
    if(failed)
      get_filename_component(folder "${SAMEHOST_ZMQ_TREE}/${file}" DIRECTORY)
      file(MAKE_DIRECTORY "${folder}")
      file(COPY_FILE "${fresh}/${file}" "${SAMEHOST_ZMQ_TREE}/${file}")
    endif()
  endforeach()
  file(REMOVE_RECURSE "${fresh}")
  file(WRITE "${SAMEHOST_ZMQ_TREE}/.patched" "${state}")
endif()
message(STATUS "libzmq ${SAMEHOST_ZMQ_VERSION}: ${SAMEHOST_ZMQ_SOURCE_DIR}")
