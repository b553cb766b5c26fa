# `cmake --install`: the shared library, the public header and the CMake package, so that
#   find_package(samehost REQUIRED)
#   target_link_libraries(app samehost::grpc)
# is all that a user's project writes.
include(CMakePackageConfigHelpers)

set(samehost_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/samehost")

if(SAMEHOST_GRPC)
  set_target_properties(samehost_grpc PROPERTIES
    EXPORT_NAME grpc
    INSTALL_RPATH ""
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})  # 0.x: every minor may break
  target_include_directories(samehost_grpc INTERFACE
    "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")

  if(NOT SAMEHOST_SANITIZE)
    # A missing function shows when the library is linked, not when a user's program is.
    target_link_options(samehost_grpc PRIVATE -Wl,-z,defs)
  endif()

  install(TARGETS samehost_grpc EXPORT samehostTargets
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT samehost)
  install(DIRECTORY plugin/grpc/include/samehost DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    COMPONENT samehost FILES_MATCHING PATTERN "*.h")
endif()
if(SAMEHOST_ZMQ)
  # In a folder of its own: found by who looks for it there (LD_LIBRARY_PATH, samehost::zmq), and by nobody else.
  set_target_properties(samehost_zmq PROPERTIES EXPORT_NAME zmq INSTALL_RPATH "")
  target_include_directories(samehost_zmq INTERFACE "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/samehost/libzmq>")
  install(TARGETS samehost_zmq EXPORT samehostTargets
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/samehost" COMPONENT samehost)
  install(FILES "${PROJECT_BINARY_DIR}/libzmq/include/zmq.h" "${PROJECT_BINARY_DIR}/libzmq/include/zmq_utils.h"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/samehost/libzmq" COMPONENT samehost)
  install(FILES plugin/zmq/patches/README.md DESTINATION "${CMAKE_INSTALL_DOCDIR}" RENAME LICENSE-libzmq.md
    COMPONENT samehost)
endif()
install(EXPORT samehostTargets NAMESPACE samehost:: DESTINATION "${samehost_package_dir}"
  COMPONENT samehost)
configure_package_config_file(cmake/samehostConfig.cmake.in
  "${PROJECT_BINARY_DIR}/samehostConfig.cmake" INSTALL_DESTINATION "${samehost_package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/samehostConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/samehostConfig.cmake"
              "${PROJECT_BINARY_DIR}/samehostConfigVersion.cmake"
  DESTINATION "${samehost_package_dir}" COMPONENT samehost)
