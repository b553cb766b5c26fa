#include "plugin/cli/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace samehost::cli {

UniqueFd OpenRegularFile(const std::string& path) {
  const UniqueFd place(open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat status;
  if (!place.valid() || fstat(place.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  // The same file, whatever the path leads to by now. O_NONBLOCK: nor wait for a lease on it.
  const std::string same = "/proc/self/fd/" + std::to_string(place.get());
  return UniqueFd(open(same.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

}  // namespace samehost::cli
