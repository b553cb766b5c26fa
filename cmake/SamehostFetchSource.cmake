# samehost_fetch_source(NAME FILE): has FILE of a source package put under .deps by scripts/fetch-sources, if it is
# not there. Nothing is installed and apt's configuration is only read.
function(samehost_fetch_source name file)
  if(EXISTS "${file}")
    return()
  endif()
  message(STATUS "fetching the source of ${name}")
  execute_process(COMMAND "${PROJECT_SOURCE_DIR}/scripts/fetch-sources" ${name}
    OUTPUT_VARIABLE said ERROR_VARIABLE said RESULT_VARIABLE failed)
  if(failed OR NOT EXISTS "${file}")
    message(FATAL_ERROR "The source of ${name} is needed, and ${file} is missing.\n${said}")
  endif()
endfunction()
