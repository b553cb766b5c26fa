# samehost_library_note(FILE SOURCE_DIR): FILE is a source with a SAMEHOST_LIBRARY_NOTE; it is told the version of the
# distribution's source package that SOURCE_DIR is, for `samehost doctor` to compare with what is installed. Empty when
# the folder does not say: it is not a Debian source package's.
function(samehost_library_note file source_dir)
  set(version "")
  set(changelog "${source_dir}/debian/changelog")
  if(EXISTS "${changelog}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${changelog}")
    file(STRINGS "${changelog}" first LIMIT_COUNT 1)
    if(first MATCHES "^[a-z0-9.+-]+ \\(([0-9A-Za-z.+:~-]+)\\)")
      set(version "${CMAKE_MATCH_1}")
    endif()
  endif()
  set_source_files_properties("${file}" PROPERTIES COMPILE_DEFINITIONS
    "SAMEHOST_VERSION=\"${PROJECT_VERSION}\";SAMEHOST_SOURCE_VERSION=\"${version}\"")
endfunction()
