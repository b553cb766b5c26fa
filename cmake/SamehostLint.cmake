# `lint`: clang-format and clang-tidy over the project's own sources; changes nothing.
add_custom_target(lint
  COMMAND "${PROJECT_SOURCE_DIR}/scripts/lint" "${PROJECT_BINARY_DIR}"
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" USES_TERMINAL VERBATIM)
