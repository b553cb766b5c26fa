// Opens a file that somebody else has named, for reading.
#ifndef SAMEHOST_PLUGIN_CLI_REGULAR_FILE_H_
#define SAMEHOST_PLUGIN_CLI_REGULAR_FILE_H_

#include <string>

#include "plugin/base/unique_fd.h"

namespace samehost::cli {

// Regular files only: a FIFO or a device at this path is not even opened, so nothing waits and
// nothing is set off. Invalid when there is none, or it may not be read. Any thread.
UniqueFd OpenRegularFile(const std::string& path);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_REGULAR_FILE_H_
