# libzmq's own source, patched, in a tree of its own: ${SAMEHOST_ZMQ_TREE}. The source package is exactly that of the
# installed libzmq3-dev (scripts/fetch-sources). The patched tree is made again whenever a patch changes.
#
# The patches and what is built from them stay under libzmq's own licence (plugin/zmq/patches/README.md).
find_package(PkgConfig REQUIRED)
pkg_check_modules(STOCK_ZMQ REQUIRED libzmq)
# What Debian builds its library with.
pkg_check_modules(ZMQ_NEEDS REQUIRED openpgm-5.3 libsodium norm krb5-gssapi libbsd)
find_program(SAMEHOST_PATCH patch REQUIRED)

set(SAMEHOST_ZMQ_SOURCE_DIR "${PROJECT_SOURCE_DIR}/.deps/zeromq3-${STOCK_ZMQ_VERSION}"
    CACHE PATH "libzmq's source tree")
if(NOT EXISTS "${SAMEHOST_ZMQ_SOURCE_DIR}/src/pipe.cpp")
  message(FATAL_ERROR
    "libzmq's source is missing in ${SAMEHOST_ZMQ_SOURCE_DIR}.\n"
    "Run scripts/fetch-sources first (./demo and ./test do it by themselves).")
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
      message(FATAL_ERROR "${patch} does not apply to libzmq ${STOCK_ZMQ_VERSION}:\n${said}")
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
message(STATUS "libzmq ${STOCK_ZMQ_VERSION}: ${SAMEHOST_ZMQ_SOURCE_DIR}")
