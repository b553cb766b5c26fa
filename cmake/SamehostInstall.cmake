# `cmake --install`: four components, which are the packages (packaging/debian).
#
#   samehost   the command, what it preloads, libzmq.so.5, the man page, the completion, the tmpfiles.d entry
#   grpc       libsamehost_grpc
#   dev        headers, the links that linkers follow, the CMake package, the files for pkg-config
#   bench      samehost-bench (plugin/bench)
#
# Each half can be installed while the other is not built: whatever a component has is installed where it is built, and
# a component that is named and has nothing that is built is an error.
include(CMakePackageConfigHelpers)

# The name of the library says which programs it fits. 0.x: every minor may break.
if(SAMEHOST_GRPC)
  set_target_properties(samehost_grpc PROPERTIES EXPORT_NAME grpc INSTALL_RPATH ""
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
  if(NOT SAMEHOST_SANITIZE)
    # A missing function shows when the library is linked, not when a user's program is.
    target_link_options(samehost_grpc PRIVATE -Wl,-z,defs)
  endif()
endif()
if(SAMEHOST_ZMQ)
  set_target_properties(samehost_zmq PROPERTIES EXPORT_NAME zmq INSTALL_RPATH "")
endif()
if(NOT SAMEHOST_INSTALL)
  return()
endif()

set(samehost_libdir "${CMAKE_INSTALL_LIBDIR}")
set(samehost_zmq_libdir "${CMAKE_INSTALL_LIBDIR}/samehost")
set(samehost_zmq_includedir "${CMAKE_INSTALL_INCLUDEDIR}/samehost/libzmq")
set(samehost_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/samehost")

foreach(component samehost grpc dev bench)
  if(SAMEHOST_BUILD_BENCH OR NOT component STREQUAL "bench")
    install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT ${component})
  endif()
endforeach()

if(SAMEHOST_GRPC)
  target_include_directories(samehost_grpc INTERFACE "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
  samehost_install_target(samehost_grpc grpc EXPORT samehostGrpcTargets
    LIBRARY DESTINATION "${samehost_libdir}" NAMELINK_SKIP)
  install(FILES "$<TARGET_LINKER_FILE:samehost_grpc>" DESTINATION "${samehost_libdir}" COMPONENT dev OPTIONAL)
  install(FILES plugin/grpc/include/samehost/grpc.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/samehost" COMPONENT dev)
  install(EXPORT samehostGrpcTargets NAMESPACE samehost:: DESTINATION "${samehost_package_dir}" COMPONENT dev)
endif()

if(SAMEHOST_ZMQ)
  # The library has the name of the distribution's, so it lies in a folder of its own: found by who looks for it there
  # (LD_LIBRARY_PATH, samehost::zmq), and by nobody else.
  target_include_directories(samehost_zmq INTERFACE "$<INSTALL_INTERFACE:${samehost_zmq_includedir}>")
  # A program finds it by its RUNPATH. CMake puts the folder of every imported library into the RUNPATH of what it
  # builds, but takes it out when that is installed; then the program would load the distribution's library without a
  # word. CMake leaves alone what it has not put in itself. SUBTLE: the slash at the end makes this an entry of its own;
  # without it the linker would make one of the two, and CMake would take that out.
  if(IS_ABSOLUTE "${samehost_zmq_libdir}")
    set(installed_folder "${samehost_zmq_libdir}/")
  else()
    set(installed_folder "$<INSTALL_PREFIX>/${samehost_zmq_libdir}/")
  endif()
  target_link_options(samehost_zmq INTERFACE "$<INSTALL_INTERFACE:-Wl,-rpath,${installed_folder}>")
  if(NOT PROJECT_IS_TOP_LEVEL)
    # The program of a project that has samehost as a part of it, and installs both: to CMAKE_INSTALL_PREFIX. Behind the
    # build tree's folder, which must win while that is there; so it is a library to CMake and not an option.
    target_link_libraries(samehost_zmq INTERFACE
      "$<BUILD_INTERFACE:-Wl,-rpath,${CMAKE_INSTALL_FULL_LIBDIR}/samehost/>")
  endif()
  samehost_install_target(samehost_zmq samehost EXPORT samehostZmqTargets
    LIBRARY DESTINATION "${samehost_zmq_libdir}" NAMELINK_SKIP)
  install(FILES "$<TARGET_LINKER_FILE:samehost_zmq>" DESTINATION "${samehost_zmq_libdir}" COMPONENT dev OPTIONAL)
  install(FILES "${SAMEHOST_ZMQ_TREE}/include/zmq.h" "${SAMEHOST_ZMQ_TREE}/include/zmq_utils.h"
    DESTINATION "${samehost_zmq_includedir}" COMPONENT dev)
  install(EXPORT samehostZmqTargets NAMESPACE samehost:: DESTINATION "${samehost_package_dir}" COMPONENT dev)
  # The library stays under libzmq's own licence: LGPL with an exception, or MPL.
  install(FILES plugin/zmq/patches/README.md DESTINATION "${CMAKE_INSTALL_DOCDIR}" RENAME LICENSE-libzmq.md
    COMPONENT samehost)
  foreach(text COPYING COPYING.LESSER LICENSE)
    install(FILES "${SAMEHOST_ZMQ_SOURCE_DIR}/${text}" DESTINATION "${CMAKE_INSTALL_DOCDIR}/libzmq" COMPONENT samehost
      OPTIONAL)
  endforeach()
endif()

if(TARGET samehost)
  samehost_install_target(samehost samehost RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
  if(TARGET samehost_preload)
    samehost_install_target(samehost_preload samehost LIBRARY DESTINATION "${samehost_libdir}/samehost")
  endif()
  install(FILES plugin/cli/samehost.1 DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT samehost)
  install(FILES plugin/cli/samehost.bash DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
    RENAME samehost COMPONENT samehost)
  install(FILES cmake/samehost.tmpfiles.conf DESTINATION lib/tmpfiles.d RENAME samehost.conf COMPONENT samehost)
endif()

# What users' build systems read.
configure_package_config_file(cmake/samehostConfig.cmake.in "${PROJECT_BINARY_DIR}/samehostConfig.cmake"
  INSTALL_DESTINATION "${samehost_package_dir}" PATH_VARS samehost_libdir samehost_zmq_libdir)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/samehostConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/samehostConfig.cmake" "${PROJECT_BINARY_DIR}/samehostConfigVersion.cmake"
  DESTINATION "${samehost_package_dir}" COMPONENT dev)

# samehost_install_pkg_config(NAME): written when it is installed, since only then the prefix is known.
function(samehost_install_pkg_config name)
  set(at_last "${PROJECT_BINARY_DIR}/pkgconfig/${name}.pc")
  configure_file("${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in" "${at_last}.in" @ONLY)
  install(CODE "
    file(READ \"${at_last}.in\" text)
    string(REPLACE \"[prefix]\" \"\${CMAKE_INSTALL_PREFIX}\" text \"\${text}\")
    file(WRITE \"${at_last}\" \"\${text}\")" COMPONENT dev)
  install(FILES "${at_last}" DESTINATION "${samehost_libdir}/pkgconfig" COMPONENT dev)
endfunction()
foreach(dir libdir includedir)
  string(TOUPPER "${dir}" upper)
  set(pkg_config_${dir} "${CMAKE_INSTALL_${upper}}")
  if(NOT IS_ABSOLUTE "${pkg_config_${dir}}")
    string(PREPEND pkg_config_${dir} "\${prefix}/")
  endif()
endforeach()
if(SAMEHOST_GRPC)
  samehost_install_pkg_config(samehost-grpc)
endif()
if(SAMEHOST_ZMQ)
  samehost_install_pkg_config(samehost-zmq)
endif()
