// Debian's order of package versions: [epoch:]upstream[-revision] (deb-version(7)).
#ifndef SAMEHOST_PLUGIN_CLI_DEBIAN_VERSION_H_
#define SAMEHOST_PLUGIN_CLI_DEBIAN_VERSION_H_

#include <string_view>

namespace samehost::cli {

// Negative, zero or positive, as `a` is older than, the same as or newer than `b`. Never fails:
// text that is no version is compared by the same rules.
int CompareDebianVersions(std::string_view a, std::string_view b);

}  // namespace samehost::cli

#endif  // SAMEHOST_PLUGIN_CLI_DEBIAN_VERSION_H_
